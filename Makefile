# syshim: the Linux kernel for Go without cgo, and for C without libc.
#
#   make            build/ARCH/libshim.a, libshim-start.a, libshim-liburing.a, the
#                   examples and, where libseccomp's header is, shim-calls
#   make bench      the main job: compare C with Go and io_uring with epoll on
#                   this kernel; lines and a table
#   make test       every test that this machine can run, C and Go
#   make test-kernels  the same tests on kernels from 5.10 to the newest, of
#                   both CPUs, in virtual machines: tests/kernels/run.sh
#   make ring-table what each operation of a ring was seen to do, here and on the
#                   kernels that test-kernels ran last
#   make stress     rings under load for STRESS seconds, C with sanitizers and
#                   then Go with its collector; starts of programs by threads
#                   in a storm of signals, and STARTS of them in a row; says
#                   how far it is
#   make test-mutants  damage the wrappers: the tests must notice each
#   make lint       formatting, symbols, headers, layers, stale files
#   make gen        rewrite the generated files (z*) from gen/spec
#   make import-uapi  the constants of gen/uapi/list from the newest kernel's
#                   headers into gen/spec, for maintainers
#   make vendor-go  copy system calls into a Go package of yours: DEST=dir
#                   IMPORT=example.org/app/internal/sys ONLY="Pipe2 Read"
#   make install    headers, archives, pkg-config files, man pages, shim-calls;
#                   also uninstall
#   make clean      remove build/
#   make help       this text
#
# Variables:
#   ARCH=aarch64            build for another CPU (CROSS= names its tools)
#   V=1                     show the commands
#   SETUP=no                install nothing: print the command, and stop
#   BENCH=glob              the rows to measure, as BENCH='BenchmarkEcho*'
#   BENCHTIME=120s          how long to measure; "quick" shows that all runs
#   BENCHREPORT=files       documents that get the tables, between their marks
#   TESTS='sys uring'       the C test programs to run
#   STRESS=600              how long each test of stress takes
#   STARTS=100000           how many programs stress starts in a row
#   LINT=glob               the checks of lint, as LINT='clang*'
#   GO=/path/to/go          the go command, when it is not in PATH
#   KERNELS='5.10 sid'      the kernels of test-kernels; KERNEL=vmlinuz is yours
#   ARCHS=aarch64           their CPUs
#   PREFIX, DESTDIR, CC, CFLAGS, LDFLAGS, AR, HOSTCC as everywhere

HOST := $(shell uname -m)
ARCH ?= $(HOST)
O ?= build/$(ARCH)
PREFIX ?= /usr/local

ifeq ($(wildcard asm/$(ARCH)/syscall.S),)
$(error ARCH=$(ARCH) is not supported; use one of: \
	$(patsubst asm/%/syscall.S,%,$(wildcard asm/*/syscall.S)))
endif
ifneq ($(ARCH),$(HOST))
CROSS ?= $(ARCH)-linux-gnu-
endif
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
ifeq ($(origin AR),default)
AR := $(CROSS)ar
endif
OBJCOPY ?= $(CROSS)objcopy
HOSTCC ?= cc
GO ?= go
CFLAGS ?= -O2 -g

# After the user's own flags. libshim must not take a symbol of a libc, nor of
# libgcc, whatever a distribution's flags ask for.
WARNINGS := -Wall -Wextra -Wconversion -Wmissing-prototypes -Wvla
C_FLAGS := -std=gnu11 $(WARNINGS) -Ishim/include -Iasm/$(ARCH) -MMD -MP
LIB_FLAGS := $(C_FLAGS) -ffreestanding -fPIC -fno-stack-protector \
	-U_FORTIFY_SOURCE -fno-lto -ffunction-sections
ifeq ($(ARCH),aarch64)
NO_LIBGCC := -mno-outline-atomics
endif
LIB_FLAGS += $(NO_LIBGCC)
# A program of ours without libc.
START_FLAGS := -ffreestanding -fPIE -fno-stack-protector -U_FORTIFY_SOURCE \
	$(NO_LIBGCC)
START_LDFLAGS := -static-pie -nostdlib -Wl,--gc-sections

# Compilers call these on their own. In libshim.a they are ours by another
# name: a program with a libc keeps the libc's.
MEM := memcpy memmove memset memcmp
RENAME := $(foreach f,$(MEM),--redefine-sym $(f)=shim_$(f))

LIB_SRC := $(filter-out shim/start.c,$(wildcard shim/*.c))
LIB_ASM := $(filter-out asm/$(ARCH)/start.S,$(wildcard asm/$(ARCH)/*.S))
LIB_OBJ := $(LIB_SRC:%.c=$(O)/%.o) $(LIB_ASM:%.S=$(O)/%.o)
START_OBJ := $(O)/shim/start.raw.o $(O)/asm/$(ARCH)/start.raw.o \
	$(O)/asm/$(ARCH)/mem.raw.o
LIB := $(O)/libshim.a
START := $(O)/libshim-start.a
# liburing's own names, for programs that include its liburing.h.
LIBURING := $(O)/libshim-liburing.a
LIBURING_OBJ := $(patsubst %.c,$(O)/%.o,$(wildcard shim/liburing/*.c))
EXAMPLES := $(patsubst shim/%.c,$(O)/%,$(wildcard shim/examples/*.c))
# What compares the calls of two programs, for machines that have a libc.
ifneq ($(wildcard /usr/include/seccomp.h /usr/local/include/seccomp.h),)
ifeq ($(ARCH),$(HOST))
CALLS := $(O)/shim-calls
endif
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
MAKEFLAGS += --no-print-directory
endif

.DELETE_ON_ERROR:
.SECONDARY:
SETUPS := setup-bench setup-test setup-lint setup-kernels
.PHONY: all bench test test-kernels ring-table stress test-mutants lint gen import-uapi \
	vendor-go install uninstall clean help $(SETUPS)

all: $(LIB) $(START) $(LIBURING) $(EXAMPLES) $(CALLS)

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

clean:
	rm -rf build

# Targets that build much do it with all processors, unless -j says otherwise.
AT_ONCE = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

# What a target needs and is not there is installed, or named.
$(SETUPS): setup-%:
	$(Q)SETUP=$(SETUP) GO=$(GO) tests/setup.sh $*

## The library

$(O)/%.raw.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(LIB_FLAGS) -c -o $@ $<

$(O)/%.raw.o: %.S
	@mkdir -p $(@D)
	$(say) AS $<
	$(Q)$(CC) $(CFLAGS) $(LIB_FLAGS) -c -o $@ $<

$(O)/%.o: $(O)/%.raw.o
	$(Q)$(OBJCOPY) $(RENAME) $< $@

$(LIB): $(LIB_OBJ)
$(START): $(START_OBJ)
$(LIBURING): $(LIBURING_OBJ)
$(LIB) $(START) $(LIBURING):
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/examples/%: shim/examples/%.c $(LIB) $(START)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(C_FLAGS) $(START_FLAGS) -MF $@.d \
		$(LDFLAGS) $(START_LDFLAGS) -o $@ $< $(START) $(LIB)

## The generator

GEN := build/gen/gen

$(GEN): $(wildcard gen/*.c gen/*.h)
	@mkdir -p $(@D)
	$(say) HOSTCC $@
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -o $@ $(filter %.c,$^)

gen: $(GEN)
	$(Q)$(GEN)

import-uapi: setup-lint $(GEN)
	$(Q)gen/uapi/import.sh && $(GEN)

## A copy of system calls for one Go package, without a C compiler

SYSVENDOR := build/sysvendor

vendor-go:
	@test -n '$(DEST)' && test -n '$(IMPORT)' && test -n '$(ONLY)' || { \
		echo 'usage: make vendor-go DEST=dir IMPORT=path ONLY="names"'; \
		echo '  DEST    the directory of the new package'; \
		echo '  IMPORT  its import path, as example.org/app/internal/sys'; \
		echo '  ONLY    what is copied, as "Pipe2 Read", "IORING_*" or "aio"'; \
		exit 2; } >&2
	$(Q)SETUP=$(SETUP) GO=$(GO) tests/setup.sh vendor
	$(Q)CGO_ENABLED=0 $(GO) build -C gobind -o ../$(SYSVENDOR) ./cmd/sysvendor
	$(Q)$(SYSVENDOR) -dest '$(DEST)' -import '$(IMPORT)' '$(ONLY)'

## Tests: one program per file in tests/

SUITES := $(patsubst tests/%.c,%,$(wildcard tests/*.c))
TESTS ?= $(SUITES)
TEST_BIN := $(TESTS:%=$(O)/tests/%)
CHECK := $(O)/tests/check/cunit.o
TEST_FLAGS := $(C_FLAGS) -fno-builtin

# A suite is hosted when it includes a header that neither the compiler nor
# libshim has. The others run with musl and without a libc, too.
HOSTED := $(shell awk '/^\#include </ && !/<(std(def|int|bool)\.h|shim\/.*)>/ \
	{ gsub(/^tests\/|\.c$$/, "", FILENAME); print FILENAME; nextfile }' \
	$(SUITES:%=tests/%.c))
PLAIN := $(filter-out $(HOSTED),$(TESTS))
PLAIN_BIN := $(PLAIN:%=$(O)/plain/%)
MUSL_BIN := $(PLAIN:%=$(O)/musl/%)
MUSL_CC ?= musl-gcc
PLAIN_CHECK := $(O)/tests/check/plain.o
$(PLAIN_CHECK): TEST_FLAGS += $(START_FLAGS)

$(O)/tests/check/%.o: tests/check/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(TEST_FLAGS) -c -o $@ $<

# shim_syscall and its like by other names, for programs that are the kernel in
# part.
$(O)/tests/real_%.o: $(O)/asm/$(ARCH)/%.o
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) --redefine-sym shim_$*=real_$* $< $@

$(foreach form,tests plain musl,$(patsubst %,$(O)/$(form)/%, \
	aio_fault aio_old_fault aio_table_fault)): $(O)/tests/real_clone.o
$(foreach form,tests plain musl,$(patsubst %,$(O)/$(form)/%, \
	spawn_asked_fault spawn_fault spawn_kept_fault spawn_pipe_fault)): \
	$(O)/tests/real_spawn_child.o

$(O)/tests/%: tests/%.c $(CHECK) $(O)/tests/real_syscall.o $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(TEST_FLAGS) -MF $@.d $(LDFLAGS) -o $@ $< \
		$(filter %.o,$^) $(LIB) -lcunit $(LDLIBS)

$(O)/plain/%: tests/%.c $(PLAIN_CHECK) $(O)/tests/real_syscall.o \
		$(START) $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(TEST_FLAGS) $(START_FLAGS) -MF $@.d \
		$(LDFLAGS) $(START_LDFLAGS) -o $@ $< $(filter %.o,$^) \
		$(START) $(LIB)

$(O)/musl/%: tests/%.c $(PLAIN_CHECK) $(O)/tests/real_syscall.o $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(MUSL_CC) $(CFLAGS) $(TEST_FLAGS) -MF $@.d $(LDFLAGS) -static \
		-o $@ $< $(filter %.o,$^) $(LIB)

# A hosted suite for machines that have no libc.
$(O)/static/%: tests/%.c $(PLAIN_CHECK) $(O)/tests/real_syscall.o $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(TEST_FLAGS) -MF $@.d $(LDFLAGS) -static \
		-o $@ $< $(filter %.o,$^) $(LIB)

## Real kernels, in virtual machines: tests/kernels

VM := $(O)/kernels
VM_TESTS := $(filter-out $(HOSTED),$(SUITES))
VM_BIN := $(VM)/init $(VM)/refuse $(O)/shim-bench $(EXAMPLES) \
	$(VM_TESTS:%=$(O)/plain/%) $(O)/static/sys_real
ifeq ($(ARCH),$(HOST))
VM_BIN += $(VM_TESTS:%=$(O)/musl/%)
endif

# Tests of commands need a whole system.
.PHONY: vm-programs
vm-programs: $(VM_BIN)
	$(say) GO $(VM)/go
	$(Q)rm -rf $(VM)/go
	$(Q)mkdir -p $(VM)/go
	$(Q)cd gobind && CGO_ENABLED=0 GOARCH=$(if $(filter aarch64,$(ARCH)),arm64,amd64) \
		$(GO) test -c -ldflags='-s -w' -o $(abspath $(VM)/go)/ \
		$$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' \
			./... | grep -v /cmd/)

test-kernels: setup-kernels
	$(Q)$(SCRIPT_ENV) KERNELS='$(KERNELS)' ARCHS='$(ARCHS)' KERNEL='$(KERNEL)' \
		TESTS='$(if $(filter-out file,$(origin TESTS)),$(TESTS))' \
		tests/kernels/run.sh

ring-table: $(O)/plain/uring_op
	$(Q)tests/uring_ops.sh $< $(wildcard build/kernels/*.log)

$(O)/kernels/init $(O)/kernels/refuse: $(O)/kernels/%: tests/kernels/%.c \
		$(START) $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(C_FLAGS) $(START_FLAGS) -MF $@.d \
		$(LDFLAGS) $(START_LDFLAGS) -o $@ $< $(START) $(LIB)

$(O)/tests/uring_oracle: LDLIBS += -luring

# Filters of libseccomp's, for a suite in C and, as files, for Go.
build/filters/filters: tests/filters/main.c
	@mkdir -p $(@D)
	$(say) HOSTCC $@
	$(Q)$(HOSTCC) -std=gnu11 -O1 -D_GNU_SOURCE $(WARNINGS) -o $@ $< -lseccomp

FILTERS := $(O)/tests/filters
$(FILTERS)/filters.h: build/filters/filters
	@mkdir -p $(@D)
	$(Q)$< $(ARCH) $(@D) >$@

FILTERED := $(foreach form,tests plain musl,$(O)/$(form)/spawn_filter)
$(FILTERED): $(FILTERS)/filters.h
$(FILTERED): TEST_FLAGS += -I$(FILTERS)

# Programs that tests start.
TOOLS := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/tool/*.c))
$(O)/tests/tool/%: tests/tool/%.c
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(C_FLAGS) -MF $@.d $(LDFLAGS) -o $@ $< -lseccomp

# A program that tries to get out of the box of the example.
ESCAPE := $(O)/tests/box/escape
$(ESCAPE): $(wildcard tests/box/*.[ch]) tests/text.h $(START) $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(C_FLAGS) $(START_FLAGS) -MF $@.d $(LDFLAGS) \
		$(START_LDFLAGS) -o $@ $(filter %.c,$^) $(START) $(LIB)

# Examples and their twins in Go. The go command knows what is stale.
SANDBOXES := $(O)/examples/sandbox $(O)/tests/box/sandbox-go
PIPELINES := $(O)/examples/pipeline $(O)/tests/pipeline-go
TWINS := $(filter %-go,$(SANDBOXES) $(PIPELINES))
.PHONY: $(TWINS)
$(TWINS):
	$(say) GO $@
	$(Q)CGO_ENABLED=0 GOARCH=$(GOARCH_$(ARCH)) $(GO) -C gobind build \
		-buildvcs=false -o $(abspath $@) ./examples/$(@F:%-go=%)

# Every wrapper under a supervisor: what the kernel sees from C and from Go.
EQUAL := $(O)/tests/equal
EQUAL_ALL := $(EQUAL)/equal $(EQUAL)/c $(EQUAL)/go
vm-programs: $(EQUAL_ALL) $(ESCAPE) $(SANDBOXES) $(FILTERS)/filters.h
EQUAL_SRC := $(filter-out %/caller.c %/filter.c,$(wildcard tests/equal/*.c))
GOARCH_x86_64 := amd64
GOARCH_aarch64 := arm64
# They run on kernels without a system, too; others of before are linked anew.
$(EQUAL)/equal $(EQUAL)/c: LDFLAGS += -static
$(EQUAL)/equal $(EQUAL)/c: Makefile

build/equal/filter: tests/equal/filter.c
	@mkdir -p $(@D)
	$(say) HOSTCC $@
	$(Q)$(HOSTCC) -std=gnu11 -O1 $(WARNINGS) -o $@ $< -lseccomp

$(EQUAL)/filter.h: build/equal/filter
	@mkdir -p $(@D)
	$(Q)$< $(ARCH) >$@

$(EQUAL)/equal: $(EQUAL_SRC) $(EQUAL)/filter.h $(wildcard tests/equal/*.h)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -std=gnu11 $(WARNINGS) -I$(@D) $(LDFLAGS) -o $@ \
		$(EQUAL_SRC) -lpthread

$(EQUAL)/c: tests/equal/caller.c $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(TEST_FLAGS) -MF $@.d $(LDFLAGS) -o $@ $< $(LIB)

# The go command knows what is stale.
.PHONY: $(EQUAL)/go
$(EQUAL)/go:
	$(say) GO $@
	$(Q)CGO_ENABLED=0 GOARCH=$(GOARCH_$(ARCH)) $(GO) -C gobind build \
		-buildvcs=false -o $(abspath $@) ./internal/equal

# The supervisor as a program.
$(O)/shim-calls: $(wildcard tests/calls/*.[ch]) tests/equal/watch.c \
		tests/equal/watch.h tests/equal/table.h \
		tests/equal/ztable.h $(EQUAL)/filter.h
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) \
		-Wno-missing-field-initializers -Itests/equal -I$(EQUAL) $(LDFLAGS) -o $@ \
		$(filter %.c,$^) -lpthread

# The C suites once more, with the compiler looking at every access. Where each
# variable is at each moment took it two minutes, for two programs.
SAN := $(O)/san
SAN_FLAGS := -O1 -g -fno-var-tracking -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
SAN_BIN := $(patsubst %,$(SAN)/tests/%,$(filter-out gen,$(TESTS)))

# The same on a kernel without io_uring.
DENY := $(O)/tests/tool/deny
NO_RING := io_uring_setup,io_uring_enter,io_uring_register
# without_ring ERRNO,SUITES,PACKAGES: C suites and Go packages.
without_ring = \
	$(patsubst %,"$(DENY) $1 $(NO_RING) $(O)/tests/%",$(filter $2,$(TESTS))) \
	"PACKAGES='$3' $(DENY) $1 $(NO_RING) tests/go.sh gobind"

# And where calls that spawn likes best are missing, or forbidden; or where a
# child, but not a thread, cannot have its parent's memory (EINVAL).
NO_PIDFD := clone3,pidfd_open,pidfd_send_signal
NO_SHARING := clone:0x14100:0x100 $(abspath $(DENY)) ENOSYS clone3
SPAWN := $(filter spawn spawn_asked_fault spawn_box spawn_fault spawn_fds spawn_filter spawn_io \
	spawn_kept_fault spawn_limits spawn_load spawn_map spawn_options spawn_orphan spawn_pipe \
	spawn_pipeline spawn_refused spawn_ring spawn_space spawn_step spawn_thread \
	spawn_tty,$(TESTS))
# What takes its time is short there.
SPAWN_LONG := $(filter spawn_memory spawn_storm,$(TESTS))
# spawn_without ERRNO,CALLS
spawn_without = $(SPAWN:%="$(DENY) $1 $2 $(O)/tests/%") \
	$(SPAWN_LONG:%="TEST_SCALE=small $(DENY) $1 $2 $(O)/tests/%") \
	"PACKAGES=./spawn tests/go.sh gobind -short -exec '$(abspath $(DENY)) $1 $2'"
SPAWN_WITHOUT = $(foreach error,ENOSYS EPERM,$(foreach calls, \
	clone3 close_range $(NO_PIDFD),$(call spawn_without,$(error),$(calls)))) \
	$(call spawn_without,22,$(NO_SHARING))

# And with nothing that is newer than Linux 4.18.
NEWER := @$(abspath $(O))/tests/newer
on_4_18 = $(call spawn_without,$1,$(NEWER)) \
	$(patsubst %,"$(DENY) $1 $(NEWER) $(O)/tests/%",$(filter aio aio_table,$(TESTS))) \
	"PACKAGES=./aio tests/go.sh gobind -short -exec '$(abspath $(DENY)) $1 $(NEWER)'"

$(NEWER:@%=%): gen/zreference.md tests/newer.sh
	@mkdir -p $(@D)
	$(Q)tests/newer.sh 4.18 $(ARCH) >$@

# Not in the recipe itself: make -n runs each line that says $(MAKE).
SCRIPT_ENV = MAKE="$(MAKE) $(AT_ONCE)" GO=$(GO) GEN=$(GEN)

lint: setup-lint $(GEN)
	$(Q)$(SCRIPT_ENV) tests/lint.sh

# Go's wrappers on the other CPU, by qemu-user, and spawn in C and Go, which finds
# there that memory cannot be shared. Programs that start themselves (spawn_storm)
# are left out: an emulated one cannot.
ifeq ($(HOST),x86_64)
EMULATED_BIN := $(patsubst %,build/aarch64/plain/%, \
	$(filter spawn_asked_fault spawn_fault spawn_kept_fault spawn_pipe \
		spawn_pipe_fault spawn_pipeline spawn_step spawn_thread,$(TESTS)))
GO_EMULATED := "GOARCH=arm64 CGO_ENABLED=0 PACKAGES='./sys ./spawn' \
	tests/go.sh gobind -short -exec qemu-aarch64-static"
endif

test: setup-test $(GEN) all
	$(Q)$(MAKE) -s $(AT_ONCE) $(TEST_BIN) $(PLAIN_BIN) $(MUSL_BIN) $(TOOLS) \
		$(NEWER:@%=%) $(EQUAL_ALL) $(O)/shim-calls $(ESCAPE) \
		$(FILTERS)/filters.h \
		$(SANDBOXES) $(PIPELINES) $(BENCH_ALL)
	$(Q)$(MAKE) -s $(AT_ONCE) O=$(SAN) CFLAGS="$(SAN_FLAGS)" $(SAN_BIN)
	$(if $(EMULATED_BIN),$(Q)$(MAKE) -s $(AT_ONCE) ARCH=aarch64 O=build/aarch64 \
		$(EMULATED_BIN))
	$(Q)$(SCRIPT_ENV) tests/run.sh $(TEST_BIN) $(SAN_BIN) \
		$(PLAIN_BIN) $(MUSL_BIN) \
		$(EMULATED_BIN:%="qemu-aarch64-static %") \
		$(call without_ring,EPERM,sys_socket spawn_ring uring aio%,./aio ./uring ./spawn ./examples/...) \
		$(call without_ring,ENOSYS,aio aio_table,./aio) \
		$(SPAWN_WITHOUT) $(call on_4_18,ENOSYS) $(call on_4_18,EPERM) \
		"tests/equal.sh $(O)" "tests/slow.sh $(O)" "tests/calls.sh $(O)" \
		"tests/liburing.sh $(O)" \
		$(PIPELINES:%="tests/pipeline.sh %") \
		$(SANDBOXES:%="tests/sandbox.sh $(ESCAPE) %") \
		tests/import.sh tests/machine.sh tests/links.sh tests/order.sh \
		tests/go.sh "tests/go.sh gobind -race" "tests/go.sh tests/cgo" \
		$(GO_EMULATED) "tests/go.sh bench" "tests/bench.sh $(O)"

STRESS ?= 600
STARTS ?= 100000
stress: setup-test all
	$(Q)$(MAKE) -s O=$(SAN) CFLAGS="$(SAN_FLAGS)" $(SAN)/tests/uring_stress \
		$(SAN)/tests/spawn_storm
	$(Q)export GO=$(GO) URING_STRESS_SECONDS=$(STRESS) \
		SPAWN_STRESS_SECONDS=$(STRESS) SPAWN_STRESS_STARTS=$(STARTS); \
	limit=$$(($(STRESS) + 300)) failed=0; \
	echo "C, with AddressSanitizer and UndefinedBehaviorSanitizer:"; \
	timeout $$limit $(SAN)/tests/uring_stress || failed=1; \
	timeout $$((2 * $(STRESS) + 1200)) $(SAN)/tests/spawn_storm || failed=1; \
	echo "Go, whose collector runs all the time:"; \
	GOGC=1 PACKAGES=./uring timeout $$limit \
		tests/go.sh gobind -run CompleteOnce -timeout 0 || failed=1; \
	PACKAGES=./spawn timeout $$((2 * $(STRESS) + 1200)) tests/go.sh gobind \
		-run 'StormOfSignals|NoneOfMany' -timeout 0 || failed=1; \
	exit $$failed

test-mutants: setup-test all
	$(Q)$(MAKE) -s $(EQUAL_ALL)
	$(Q)CC="$(CC)" GO=$(GO) tests/mutants.sh $(O)

## Benchmarks: bench/README.md

BENCH_C := $(patsubst bench/shim/%.c,$(O)/bench/shim/%.o, \
	$(filter-out %/count.c %/nocount.c,$(wildcard bench/shim/*.c)))
BENCH_GO := $(O)/bench/driver $(O)/bench/cgorows $(O)/bench/gorivals
BENCH_ALL := $(O)/shim-bench $(O)/bench/shim-bench-count $(O)/bench/rivals \
	$(O)/bench/newest $(O)/bench/tiny $(BENCH_GO)

$(O)/bench/shim/%.o: bench/shim/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(C_FLAGS) $(START_FLAGS) -I$(O)/bench -c -o $@ $<

# What the Spawn rows start, as a file and as a part of shim-bench: one page,
# without what a linker and a debugger like to find.
$(O)/bench/tiny: bench/tiny/main.c $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(C_FLAGS) $(START_FLAGS) -fno-pie \
		-fno-asynchronous-unwind-tables -MF $@.d $(LDFLAGS) -static \
		-no-pie -nostdlib -Wl,--gc-sections,--build-id=none \
		-Wl,-z,noseparate-code,-z,norelro -o $@ $< $(LIB)
	$(Q)$(OBJCOPY) -S -R .comment -R .eh_frame -R .note.* $@

$(O)/bench/tiny_bytes.h: $(O)/bench/tiny
	$(Q){ echo 'static const unsigned char tiny_bytes[] = {' && \
		od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g' && echo '};'; } >$@

$(O)/bench/shim/machine.o: $(O)/bench/tiny_bytes.h

$(O)/shim-bench: $(BENCH_C) $(O)/bench/shim/nocount.o
$(O)/bench/shim-bench-count: $(BENCH_C) $(O)/bench/shim/count.o \
	$(O)/tests/real_syscall.o
$(O)/shim-bench $(O)/bench/shim-bench-count: $(START) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(START_FLAGS) $(LDFLAGS) $(START_LDFLAGS) \
		-o $@ $(filter %.o,$^) $(START) $(LIB)

RIVALS := $(patsubst bench/rivals/%.c,$(O)/bench/rivals.o/%.o, \
	$(wildcard bench/rivals/*.c))

$(O)/bench/rivals.o/%.o: bench/rivals/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) $(C_FLAGS) -D_GNU_SOURCE -c -o $@ $<

$(O)/bench/rivals: $(RIVALS)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -luring

# With Debian's newest liburing, unpacked and not installed. Without it the rows
# are missing, and the driver says so.
$(O)/bench/newest: bench/newest/main.c bench/rivals/calls.h \
		$(wildcard bench/*.h)
	$(say) LINK $@
	$(Q)dir=$$(tests/liburing/newest.sh $(ARCH)) || exit 0; \
	$(CC) $(CFLAGS) $(C_FLAGS) -D_GNU_SOURCE -isystem $$dir/include \
		-MF $@.d $(LDFLAGS) -o $@ $< $$dir/lib/liburing.a

# The go command knows what is stale.
.PHONY: $(BENCH_GO)
$(O)/bench/driver:
	$(say) GO $@
	$(Q)CGO_ENABLED=0 $(GO) -C bench build -buildvcs=false -o $(abspath $@) .

$(O)/bench/gorivals:
	$(say) GO $@
	$(Q)CGO_ENABLED=0 $(GO) -C bench build -buildvcs=false \
		-o $(abspath $@) ./gorivals

$(O)/bench/cgorows:
	$(say) GO $@
	$(Q)CGO_ENABLED=1 CC="$(CC)" $(GO) -C bench build -buildvcs=false \
		-o $(abspath $@) ./cgorows

bench: setup-bench
	$(Q)[ $(ARCH) = $(HOST) ] || { \
		echo "bench: this is $(HOST); copy $(O)/shim-bench to the target"; \
		exit 1; } >&2
	$(Q)$(MAKE) -s $(BENCH_ALL) >&2
	$(Q)BENCH='$(BENCH)' BENCHTIME='$(BENCHTIME)' \
		BENCHREPORT='$(BENCHREPORT)' $(O)/bench/driver $(O)/shim-bench

## Installation

ROOT := $(DESTDIR)$(PREFIX)
VERSION := $(shell sed -n 's/^version //p' gen/spec/sys.spec)
HEADERS := $(wildcard shim/include/shim/*.h)
PC := shim.pc shim-static.pc shim-liburing.pc
INSTALLED := $(HEADERS:shim/include/%=include/%) include/shim/zarch.h \
	lib/libshim.a lib/libshim-start.a lib/libshim-liburing.a \
	$(PC:%=lib/pkgconfig/%) \
	bin/shim-calls share/man/man1/shim-calls.1 \
	share/man/man3/shim_spawn.3 share/man/man3/shim_uring.3 \
	share/man/man7/shim_uring_security.7

install: $(LIB) $(START) $(LIBURING) $(CALLS)
	install -d $(ROOT)/include/shim $(ROOT)/lib/pkgconfig
	install -m 644 $(HEADERS) asm/$(ARCH)/zarch.h $(ROOT)/include/shim
	install -m 644 $(LIB) $(START) $(LIBURING) $(ROOT)/lib
	install -d $(ROOT)/share/man/man3 $(ROOT)/share/man/man7
	install -m 644 shim/man/shim_spawn.3 shim/man/shim_uring.3 \
		$(ROOT)/share/man/man3
	install -m 644 shim/man/shim_uring_security.7 $(ROOT)/share/man/man7
	for pc in $(PC); do \
		sed 's,@PREFIX@,$(PREFIX),; s,@VERSION@,$(VERSION),' \
			shim/$$pc.in >$(ROOT)/lib/pkgconfig/$$pc && \
		chmod 644 $(ROOT)/lib/pkgconfig/$$pc || exit 1; \
	done
ifneq ($(CALLS),)
	install -d $(ROOT)/bin $(ROOT)/share/man/man1
	install $(CALLS) $(ROOT)/bin
	install -m 644 shim/man/shim-calls.1 $(ROOT)/share/man/man1
else
	@echo 'shim-calls is left out: libseccomp (libseccomp-dev) is not here'
endif

uninstall:
	rm -f $(INSTALLED:%=$(ROOT)/%)
	-rmdir $(ROOT)/include/shim 2>/dev/null

-include $(shell find $(O) -name '*.d' 2>/dev/null)
