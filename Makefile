# SPDX-License-Identifier: GPL-2.0
#
# make                builds ./trace-cmd               make static   build/static/trace-cmd, for bare guests
# make demo           a real guest sends its trace     make check    all tests (unit, cli, vm, facts, fuzz corpus)
# make check SAN=1    the same under ASan and UBSan    make lint     format, clang-tidy, cppcheck, arrows, man pages
# make fuzz           each fuzz target for a minute    make bench    every number in README and Documentation
# make deps           installs what is missing (the first five do it themselves)
#
# B= is the build folder; objects mirror the tree below it. A folder of the tree is a static library,
# and a unit test links only the folders that its own may include: see LAYERS.

# V=1 shows the commands whole.
Q	:= $(if $(V),,@)
say	= $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

comma	:= ,
B	?= build$(if $(SAN),/san)
CC	?= gcc
PKG	:= libtraceevent libtracefs libzstd zlib
PKGS	= $(shell pkg-config $(1) $(PKG) 2>/dev/null)

CPPFLAGS += -I. -D_GNU_SOURCE -DVERSION='"$(VERSION)"'
CFLAGS	?= -O2 -g
WARN	:= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
	   -Wwrite-strings -Wno-missing-field-initializers -Werror
ALLFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(if $(SAN),$(SANFLAGS)) $(call PKGS,--cflags)
SANFLAGS := -fsanitize=address,undefined$(if $(FUZZING),$(comma)fuzzer-no-link) -fno-sanitize-recover=all \
	    -fno-omit-frame-pointer
LDLIBS	= $(call PKGS,$(if $(STATIC),--static) --libs) -ldl -lm -lpthread
LDFLAGS += $(if $(STATIC),-static)
VERSION	:= $(shell cat VERSION)

# From the bottom up; a folder may include what stands before it, and nothing else.
LAYERS	:= base tracedat transport guests tracing timesync wire session recording report
# Two parts of the layer "wire" stand at the top of the tree by name.
SRCS_wire := trace-msg.c trace-recorder.c $(sort $(wildcard wire/*.c))
COMMANDS := $(filter-out $(SRCS_wire),$(wildcard trace-*.c))

srcs	= $(or $(SRCS_$(1)),$(sort $(wildcard $(1)/*.c)))
objs	= $(patsubst %.c,$(B)/%.o,$(1))
# The libraries of a layer and of all below it, top first (the linker's order).
below	= $(if $(filter $(1),$(firstword $(2))),$(1),$(firstword $(2)) $(call below,$(1),$(wordlist 2,99,$(2))))
reverse	= $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
libs	= $(patsubst %,$(B)/lib%.a,$(call reverse,$(call below,$(1),$(LAYERS))))

all: trace-cmd

trace-cmd: $(B)/trace-cmd
	@cp -f $< $@

$(B)/trace-cmd: $(call objs,$(COMMANDS)) $(call libs,$(lastword $(LAYERS)))
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALLFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

define LIBRARY
$(B)/lib$(1).a: $(call objs,$(call srcs,$(1)))
	@rm -f $$@
	$$(call say,AR,$$@)
	$$(Q)$$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call LIBRARY,$(l))))

$(B)/%.o: %.c VERSION
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALLFLAGS) -MMD -MP -c -o $@ $<

# Tests. Unit tests: tests/unit/<layer>/test_<subject>.c, linked with the layers up to their own.
UNIT	:= $(sort $(wildcard tests/unit/*/test_*.c))
UNIT_BINS := $(patsubst tests/%.c,$(B)/tests/%,$(UNIT))

define UNIT_RULE
$(B)/tests/unit/$(1)/test_%: tests/unit/$(1)/test_%.c $(call libs,$(1))
	@mkdir -p $$(@D)
	$$(call say,TEST,$$@)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(ALLFLAGS) -MMD -MP -o $$@ $$< $$(filter %.a,$$^) -lcmocka $$(LDLIBS)
endef
$(foreach l,$(LAYERS),$(eval $(call UNIT_RULE,$(l))))

# Fuzz targets: with clang they fuzz, and without it the same code replays the corpus.
FUZZ	:= $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_BINS := $(patsubst %,$(B)/tests/fuzz/replay_%,$(FUZZ))

$(B)/tests/fuzz/replay_%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $(call libs,$(lastword $(LAYERS)))
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALLFLAGS) -MMD -MP -o $@ tests/fuzz/fuzz_$*.c tests/fuzz/replay.c \
		$(filter %.a,$^) $(LDLIBS)

$(B)/fuzz_%: tests/fuzz/fuzz_%.c $(call libs,$(lastword $(LAYERS)))
	$(call say,FUZZ,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALLFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(filter %.a,$^) $(LDLIBS)

# What they find is written to build/fuzz/; new inputs stay in build/fuzz/corpus.
FUZZ_TIME ?= 60
fuzz:
	@tools/deps.sh build test
	@$(MAKE) --no-print-directory -j2 B=build/fuzz CC=clang SAN=1 FUZZING=1 $(FUZZ:%=build/fuzz/fuzz_%)
	@for f in $(FUZZ); do \
		mkdir -p build/fuzz/corpus/$$f && \
		echo "fuzz_$$f: $(FUZZ_TIME) s" && \
		build/fuzz/fuzz_$$f -max_total_time=$(FUZZ_TIME) -print_final_stats=1 -verbosity=0 -rss_limit_mb=512 \
			-artifact_prefix=build/fuzz/$$f- build/fuzz/corpus/$$f tests/fuzz/corpus/$$f 2>&1 | \
			tee build/fuzz/$$f.log | grep -E 'ERROR|SUMMARY|number_of_executed_units|artifact' ; \
		! grep -qE 'ERROR|SUMMARY' build/fuzz/$$f.log || exit 1; \
	done

$(B)/tests/helpers/%: tests/cli/%.c $(call libs,$(lastword $(LAYERS)))
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALLFLAGS) -MMD -MP -o $@ $< $(filter %.a,$^) $(LDLIBS)

# The tests of guests run these in guests: they are made static, beside the static trace-cmd.
$(B)/tests/helpers/%: tests/vm/%.c $(call libs,base)
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALLFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(filter %.a,$^) $(LDLIBS)

GUEST_HELPERS := $(patsubst tests/vm/%.c,build/static/tests/helpers/%,$(wildcard tests/vm/*.c))
HELPERS	:= $(patsubst tests/cli/%.c,$(B)/tests/helpers/%,$(wildcard tests/cli/*.c))
CLI	:= $(sort $(wildcard tests/cli/*.sh))
# The error of a clock is measured here, which a busy neighbour makes larger.
ALONE	:= tests/vm/causality.sh
VM	:= $(sort $(filter-out tests/vm/lib.sh tests/vm/trace.sh $(ALONE),$(wildcard tests/vm/*.sh)))
RUN	= TRACE_CMD=$(CURDIR)/$(B)/trace-cmd STATIC=$(CURDIR)/build/static/trace-cmd \
	  HELPERS=$(CURDIR)/$(B)/tests/helpers tests/run.sh

FUZZ_RUNS = $(foreach f,$(FUZZ),$(B)/tests/fuzz/replay_$(f)$(comma)tests/fuzz/corpus/$(f))

unit: $(UNIT_BINS)
	@$(RUN) $(B)/check $^

check-bins: $(UNIT_BINS) $(FUZZ_BINS) $(HELPERS) $(B)/trace-cmd trace-cmd static

check:
	@tools/deps.sh build test vm libvirt
	@$(MAKE) --no-print-directory -j2 check-bins
	@tests/guest-image/build.sh
	@$(RUN) $(B)/check $(UNIT_BINS) $(FUZZ_RUNS) \
		tests/facts/run.sh $(CLI) $(VM) --alone $(ALONE)

check-vm: check-bins
	@$(RUN) $(B)/check $(VM) --alone $(ALONE)

check-cli: check-bins
	@$(RUN) $(B)/check $(CLI)

# For guests without shared libraries. Plugins cannot be loaded into it: report on the host.
static:
	@$(MAKE) --no-print-directory B=build/static STATIC=1 SAN= build/static/trace-cmd $(GUEST_HELPERS)

# Benchmarks. bench/*.c are their helpers: feed runs on the host, the others in guests (static).
$(B)/bench/%: bench/%.c $(call libs,$(lastword $(LAYERS)))
	@mkdir -p $(@D)
	$(call say,BENCH,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALLFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(filter %.a,$^) $(LDLIBS)

bench:
	@tools/deps.sh build test vm
	@$(MAKE) --no-print-directory -j2 all static $(B)/bench/feed
	@$(MAKE) --no-print-directory B=build/static STATIC=1 SAN= build/static/bench/work build/static/bench/drain
	@TRACE_CMD=$(CURDIR)/$(B)/trace-cmd STATIC=$(CURDIR)/build/static/trace-cmd \
		FEED=$(CURDIR)/$(B)/bench/feed GUEST_BENCH=$(CURDIR)/build/static/bench bench/run.sh

# Man pages where asciidoctor is there.
PREFIX	?= /usr/local
MAN1	:= $(patsubst Documentation/%.txt,%,$(wildcard Documentation/*.1.txt))
install: all
	install -D -m 755 trace-cmd $(DESTDIR)$(PREFIX)/bin/trace-cmd
	install -D -m 644 contrib/completion/trace-cmd.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/trace-cmd
	@if command -v asciidoctor >/dev/null; then \
		for m in $(MAN1); do \
			asciidoctor -b manpage -o $(B)/$$m Documentation/$$m.txt && \
			install -D -m 644 $(B)/$$m $(DESTDIR)$(PREFIX)/share/man/man1/$$m || exit 1; \
		done; \
	else \
		echo "asciidoctor is not installed: no man pages"; \
	fi

clean:
	rm -rf build trace-cmd

demo:
	@tools/deps.sh build vm
	@$(MAKE) --no-print-directory -j2 all static
	@tests/guest-image/build.sh
	@tools/demo.sh

deps:
	@tools/deps.sh

lint: all
	@tools/deps.sh build lint
	@tools/lint.sh

.PHONY: all install unit static bench clean check check-bins check-vm check-cli fuzz demo deps lint
-include $(shell find $(B) -name '*.d' 2>/dev/null)
