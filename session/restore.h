/* SPDX-License-Identifier: GPL-2.0 */
/* restore.h - the recordings that a killed server left: find them, make them whole */
#ifndef SESSION_RESTORE_H
#define SESSION_RESTORE_H

#include "session/store.h"

/* Names of all .meta files in @place, sorted; NULL-terminated; restore_free(). -ENOMEM, -E... */
int restore_list(const struct store_place *place, char ***names, struct err *e);
void restore_free(char **names);

struct restored {
	struct totals totals;
	struct store_result made;
	struct err err; /* .code 0: it went well; EBUSY: a server is writing it */
};

/*
 * Make the file of @meta (a name in @place). The parts are removed when, and only when, it went
 * well.
 */
int restore_one(const struct store_place *place, const char *meta, struct restored *to);

/* The same from files anywhere, which stay: see store_gather(). */
int restore_from(const struct store_place *place, const char *name, const char *head,
		 const char *const *parts, uint32_t nparts, struct restored *to);

#endif
