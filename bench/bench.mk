# Benchmarks: bench/README.md. The Makefile includes this.

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
