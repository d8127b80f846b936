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

B	?= build$(if $(SAN),/san)
CC	?= gcc
PKG	:= libtraceevent libtracefs
PKGS	= $(shell pkg-config $(1) $(PKG) 2>/dev/null)

CPPFLAGS += -I. -D_GNU_SOURCE -DVERSION='"$(VERSION)"'
CFLAGS	?= -O2 -g
WARN	:= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
	   -Wwrite-strings -Wno-missing-field-initializers -Werror
ALLFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(if $(SAN),$(SANFLAGS)) $(call PKGS,--cflags)
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDLIBS	= $(call PKGS,--libs) -ldl -lpthread
VERSION	:= $(shell cat VERSION)

# From the bottom up; a folder may include what stands before it, and nothing else.
LAYERS	:= base tracedat transport guests tracing wire session report
# The two parts that stand at the top of the tree by name are the layer "wire".
SRCS_wire := trace-msg.c trace-recorder.c
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
	$(CC) $(ALLFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

define LIBRARY
$(B)/lib$(1).a: $(call objs,$(call srcs,$(1)))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call LIBRARY,$(l))))

$(B)/%.o: %.c VERSION
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALLFLAGS) -MMD -MP -c -o $@ $<

# Unit tests: tests/unit/<layer>/test_<subject>.c
UNIT	:= $(sort $(wildcard tests/unit/*/test_*.c))
UNIT_BINS := $(patsubst tests/%.c,$(B)/tests/%,$(UNIT))

define UNIT_RULE
$(B)/tests/unit/$(1)/test_%: tests/unit/$(1)/test_%.c $(call libs,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $$(ALLFLAGS) -MMD -MP -o $$@ $$< $$(filter %.a,$$^) -lcmocka $$(LDLIBS)
endef
$(foreach l,$(LAYERS),$(eval $(call UNIT_RULE,$(l))))

unit: $(UNIT_BINS)
	@for t in $(UNIT_BINS); do $$t || exit 1; done

clean:
	rm -rf build trace-cmd

.PHONY: all unit clean
-include $(shell find $(B) -name '*.d' 2>/dev/null)
