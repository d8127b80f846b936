/* SPDX-License-Identifier: GPL-2.0 */
/* newfile.h - a file that is there when it is whole, and not before */
#ifndef BASE_NEWFILE_H
#define BASE_NEWFILE_H

#include "base/err.h"

struct newfile {
	int fd;	    /* owned; empty, read and write */
	char *path; /* owned; what it will be: a link's target, not the link */
	char *tmp;  /* owned; its name until then, where it needs one */
	bool named; /* .tmp is in the directory */
};

/*
 * What is at @path will be replaced: a link's target and not the link, and nothing but a file (as
 * root it would be /dev/null otherwise). *@to is owned by the caller. -EINVAL when it is no file.
 */
int newfile_target(const char *path, char **to, struct err *e);

/*
 * Begin a file that is to be @path; what is there now stays. newfile_end() in any case. When the
 * process is killed nothing is left, where the file system can make files without a name; else
 * PATH.PID.tmp.
 */
int newfile_begin(struct newfile *n, const char *path, struct err *e);

/* It is whole: on the disk, then under its name, with the permissions of what it replaces. */
int newfile_publish(struct newfile *n, struct err *e);

/* Close; what was not published is gone. */
void newfile_end(struct newfile *n);

#endif
