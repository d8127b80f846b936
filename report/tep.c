// SPDX-License-Identifier: GPL-2.0
/*
 * tep.c - a tep_handle from the metadata of a trace.dat
 *
 * Theory of operation
 *
 * libtraceevent wants to know the machine (byte order, size of long, page header) before the first
 * format, and the plugins before the formats, so that a handler is there when its event comes. The
 * symbol, printk and task lists are parsed as C strings: they are copied once, with a NUL, and
 * freed when libtraceevent has taken its own copy.
 *
 * What libtraceevent refuses is not fatal: events of a format that it cannot parse are printed from
 * their fields, and missing symbols as addresses.
 */
#include "report/tep.h"

#include <dlfcn.h>
#include <errno.h>

#include "report/format.h"

static int set_machine(struct tep_handle *tep, const struct tdat_head *head)
{
	char *text;
	int rc;

	tep_set_file_bigendian(tep, head->big ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
	tep_set_local_bigendian(tep, tep_is_bigendian() ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
	tep_set_page_size(tep, (int)head->page_size);
	tep_set_cpus(tep, (int)head->cpus);
	text = calloc(1, head->header_page.len + 1);
	if (!text)
		return -ENOMEM;
	if (head->header_page.len)
		memcpy(text, head->header_page.p, head->header_page.len);
	rc = tep_parse_header_page(tep, text, head->header_page.len, head->long_size);
	free(text);
	/* The kernel's long, as the commit field of its pages tells it. */
	tep_set_long_size(tep, (int)head->layout.commit_size);
	return rc;
}

static void parse_format(struct report_tep *to, struct view text, const char *system,
			 const struct report_tep_setup *how)
{
	if (format_is_sane(text) &&
	    !tep_parse_event(to->tep, (const char *)text.p, text.len, system))
		return;
	to->bad_formats++;
	if (how->bad)
		how->bad(how->ctx, system, text);
}

static void parse_formats(struct report_tep *to, const struct tdat_head *head,
			  const struct report_tep_setup *how)
{
	struct tdat_format_iter it = { 0 };

	while (tdat_next_ftrace_format(head, &it))
		parse_format(to, it.text, "ftrace", how);
	to->damaged = it.bad;
	it = (struct tdat_format_iter){ 0 };
	while (tdat_next_event_format(head, &it))
		parse_format(to, it.text, it.system, how);
	to->damaged |= it.bad;
}

/* Give @text to @parse as a C string. Its complaints are dropped: what it took, it took. */
static int parse_text(struct tep_handle *tep, struct view text,
		      int (*parse)(struct tep_handle *tep, const char *text))
{
	char *copy;

	if (!text.len)
		return 0;
	copy = malloc(text.len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	parse(tep, copy);
	free(copy);
	return 0;
}

int report_tep_init(struct report_tep *to, const struct tdat_head *head,
		    const struct report_tep_setup *how, struct err *e)
{
	*to = (struct report_tep){ .tep = tep_alloc() };
	if (!to->tep)
		return err_set(e, ENOMEM, "no memory for the event formats");
	if (how->no_plugins)
		tep_set_flag(to->tep, TEP_DISABLE_PLUGINS);
	if (how->no_system_plugins)
		tep_set_flag(to->tep, TEP_DISABLE_SYS_PLUGINS);
	if (set_machine(to->tep, head))
		return err_say(e, EPROTO, "the description of the page header makes no sense");
	to->plugins = tep_load_plugins(to->tep);
	parse_formats(to, head, how);
	if (parse_text(to->tep, head->kallsyms, tep_parse_kallsyms) ||
	    parse_text(to->tep, head->printk, tep_parse_printk_formats) ||
	    parse_text(to->tep, head->cmdlines, tep_parse_saved_cmdlines))
		return err_set(e, ENOMEM, "no memory for symbols and task names");
	return 0;
}

void report_tep_free(struct report_tep *t)
{
	if (!t->tep)
		return;
	if (t->plugins)
		tep_unload_plugins(t->plugins, t->tep);
	tep_free(t->tep);
	*t = (struct report_tep){ 0 };
}

void report_tep_time_format(const struct report_tep *t, const char *format)
{
	const char **of_plugin = NULL;

	if (t->plugins)
		of_plugin = dlsym(RTLD_DEFAULT, "tep_func_repeat_format");
	if (of_plugin)
		*of_plugin = format;
}
