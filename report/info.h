/* SPDX-License-Identifier: GPL-2.0 */
/* info.h - what a trace.dat says about itself, as text: the options of report that print no events
 */
#ifndef REPORT_INFO_H
#define REPORT_INFO_H

#include <stdio.h>

#include "report/input.h"

void info_endian(const struct input *in, FILE *to);
void info_event_names(const struct input *in, FILE *to);
/* The formats of the events that @match matches, NULL = all. */
void info_formats(const struct input *in, const struct event_match *match, FILE *to);
/* The option's text and a newline, for each such option. */
void info_option(const struct input *in, uint16_t id, FILE *to);
/* The kernel's counters at the end of the recording, and where the data are. */
int info_stat(const struct input *in, FILE *to, struct err *e);

struct info_times {
	bool first, last; /* print the time of the first, of the last event */
	bool full_time;	  /* nanoseconds */
};

/* The CPUs of the top buffer that have data, perhaps with times. */
int info_cpus(const struct input *in, const struct info_times *which, FILE *to, struct err *e);

#endif
