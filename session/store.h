/* SPDX-License-Identifier: GPL-2.0 */
/*
 * store.h - the files of one recording on the host's disk
 *
 * While recording:  <out>/<name>.meta   the metadata as they came: the head of a version 6 file,
 *                                       then option records; flock'ed by the server that writes it
 *                   <out>/<name>.data   the pages, a region for each CPU: see regions.h
 *                   (in a directory of their own where the place has one: .tempdir)
 * At the end:       <out>/<name>        the .data with the holes taken out and the head in front,
 * or a copy of it where the file system cannot do that with <name> =
 * trace.<domain>.<YYYYmmdd-HHMMSS>[-n].dat, never one that is there already.
 */
#ifndef SESSION_STORE_H
#define SESSION_STORE_H

#include "session/totals.h"
#include "trace-msg.h"

enum { STORE_NAME_MAX = 200, STORE_PATH_MAX = 4096 };

struct store_place {
	int dirfd;	    /* the output directory */
	const char *outdir; /* its path, for texts */
	/* Where .meta and .data are while it is recorded. NULL: in .dirfd; then .tempfd is unused.
	 */
	const char *tempdir;
	int tempfd;
	const char *prefix; /* "trace" */
	const char *exact;  /* not NULL: the file's name, whatever the domain; one that is there is
			       replaced */
	int version;	    /* of the trace.dat: 6 or 7; 0: as the metadata's (.whole), else 7 */
	/*
	 * As of tdat_compression_for(); NULL: none. Static or borrowed. A compressed file is
	 * written anew at the end: for a moment there must be room for it beside the .data.
	 * Where .version is 0, files that become version 6 are not compressed.
	 */
	const char *compression;
};

struct store;

/* Make the .meta for a new recording. @domain and @place are borrowed. NULL on error. */
struct store *store_new(const struct store_place *place, const char *domain, struct err *e);

/*
 * The files that a killed server left: @meta is the name of a .meta in @place. -EBUSY in @e: a
 * live server writes it. NULL on error.
 */
struct store *store_adopt(const struct store_place *place, const char *meta, struct err *e);

/*
 * Files from anywhere: the metadata in @head (a path), the pages of CPU i in @parts[i] (a path, or
 * NULL). They stay when the file is made, which is @name in @place. NULL on error.
 */
struct store *store_gather(const struct store_place *place, const char *name, const char *head,
			   const char *const *parts, uint32_t nparts, struct err *e);
void store_free(struct store *st);   /* closes; removes nothing; NULL is fine */
void store_remove(struct store *st); /* unlinks .meta and parts: nothing is worth keeping */

/* Make the data file, for @cpus CPUs. */
int store_data(struct store *st, uint32_t cpus, struct err *e);

/*
 * Where the pages of @cpu go: a descriptor that the store owns, to be written from its position on,
 * at most store_room() bytes; or a negative errno.
 */
int store_part(struct store *st, uint32_t cpu, struct err *e);
uint64_t store_room(const struct store *st);

/* Append metadata, as it comes. */
int store_meta(struct store *st, const void *bytes, size_t len, struct err *e);

/* What the server adds to the head: for the VERSION option. */
struct store_peer {
	uint32_t cpus, page_size;
	const struct msg_ext *ext;
	const char *by; /* the command that received it */
	bool whole;	/* it sends a whole head of version 6 or 7 */
	uint64_t most;	/* bytes that its metadata may have when they are unpacked */
};

/*
 * The head is there: judge it against what the peer said in TINIT, and complete it on the disk, so
 * that it can be restored without us: CPU count and options where the peer's generation sends none,
 * and a VERSION option with the peer's version and features. -EPROTO etc. when it is bad.
 */
int store_head_done(struct store *st, const struct store_peer *peer, struct err *e);

/* The head is there, complete, and from this machine: nothing is to be judged or added. */
void store_head_own(struct store *st);

/* What came after the head (MSG_F_TAIL) is whole: keep it. Else store_tail_drop() cuts it off. */
void store_tail_keep(struct store *st);
int store_tail_drop(struct store *st);

struct store_result {
	char path[STORE_PATH_MAX]; /* of the file */
	char note[256];		   /* what was repaired, "" = nothing */
};

/*
 * Put the file together; may take long, touches nothing but the store and the arguments. @t has
 * what was counted while recording, all zero for adopted ones: pages and events are counted then.
 * @check: look at each page's header (the peer's stream had no mark). On error the parts stay.
 */
int store_assemble(struct store *st, struct totals *t, bool check, struct store_result *res,
		   struct err *e);

const char *store_name(const struct store *st); /* <name> */

#endif
