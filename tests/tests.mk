# The tests, here and in virtual machines; the Makefile includes this.

## Suites: one program per file in tests/

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

$(O)/tests/uring_oracle: LDLIBS += -luring

## Programs that tests start, or compare

GOARCH_x86_64 := amd64
GOARCH_aarch64 := arm64

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
EQUAL_SRC := $(filter-out %/caller.c %/filter.c,$(wildcard tests/equal/*.c))
# They run on kernels without a system, too; others of before are linked anew.
$(EQUAL)/equal $(EQUAL)/c: LDFLAGS += -static
$(EQUAL)/equal $(EQUAL)/c: tests/tests.mk

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

## Worlds

# The C suites once more, with the compiler looking at every access. Where each
# variable is at each moment took it two minutes, for two programs.
SAN := $(O)/san
SAN_FLAGS := -O1 -g -fno-var-tracking -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
SAN_BIN := $(patsubst %,$(SAN)/tests/%,$(filter-out gen,$(TESTS)))

# Suites on a kernel without io_uring.
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
SPAWN := $(filter spawn spawn_asked_fault spawn_box spawn_fault spawn_fds \
	spawn_filter spawn_io spawn_kept_fault spawn_limits spawn_load spawn_map \
	spawn_options spawn_orphan spawn_pipe spawn_pipeline spawn_refused \
	spawn_ring spawn_space spawn_step spawn_thread spawn_tty,$(TESTS))
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

# What has more than one goroutine: all but the commands.
RACERS = ./aio/... ./examples/... ./internal/... ./spawn/... ./sys/... ./uring/...

## Targets

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
		tests/go.sh "PACKAGES='$(RACERS)' tests/go.sh gobind -race" \
		"tests/go.sh tests/cgo" \
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
vm-programs: $(VM_BIN) $(EQUAL_ALL) $(ESCAPE) $(SANDBOXES) $(FILTERS)/filters.h
	$(say) GO $(VM)/go
	$(Q)rm -rf $(VM)/go
	$(Q)mkdir -p $(VM)/go
	$(Q)cd gobind && CGO_ENABLED=0 GOARCH=$(GOARCH_$(ARCH)) \
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
