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

## Checks, tests and benchmarks

# Not in the recipe itself: make -n runs each line that says $(MAKE).
SCRIPT_ENV = MAKE="$(MAKE) $(AT_ONCE)" GO=$(GO) GEN=$(GEN)

lint: setup-lint $(GEN)
	$(Q)$(SCRIPT_ENV) tests/lint.sh

include bench/bench.mk tests/tests.mk

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
