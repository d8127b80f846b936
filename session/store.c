// SPDX-License-Identifier: GPL-2.0
/*
 * store.c - the files of one recording on the host's disk, while it runs
 *
 * Theory of operation
 *
 * Everything that a recording needs to become a file is on the disk at any moment: the metadata in
 * .meta, the pages in .data. So a killed server loses nothing but the page in flight, and memory
 * holds nothing that a guest could make large. The .meta is locked (flock) while its server lives;
 * one without a lock is an orphan that restore may take.
 *
 * When the head is whole it is judged at once, mapped for that moment, so that bad metadata are
 * refused while the guest can still be told. Then it is completed in place: older generations end
 * it earlier than ours. Behind the complete head there are only option records, which end with the
 * file: first our VERSION option, then, later, what MSG_F_TAIL brings.
 */
#include "session/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"

enum { TRIES = 1000 };

const char *store_path(const struct store *st, const char *suffix, char *to, size_t room)
{
	snprintf(to, room, "%s/%s%s", st->place->outdir, st->name, suffix);
	return to;
}

/* The directory of the parts, and its path. */
static int parts_fd(const struct store *st)
{
	return st->place->tempdir ? st->place->tempfd : st->place->dirfd;
}

static const char *parts_dir(const struct store *st)
{
	return st->place->tempdir ? st->place->tempdir : st->place->outdir;
}

const char *store_part_path(const struct store *st, const char *suffix, char *to, size_t room)
{
	snprintf(to, room, "%s/%s%s", parts_dir(st), st->name, suffix);
	return to;
}

static int meta_name(const struct store *st, char *to, size_t room, struct err *e)
{
	return path_fmt(to, room, e, "%s.meta", st->name);
}

static int data_name(const struct store *st, char *to, size_t room, struct err *e)
{
	return path_fmt(to, room, e, "%s.data", st->name);
}

static void unlink_suffix(const struct store *st, const char *suffix)
{
	char name[STORE_NAME_MAX + 16];

	if (!path_fmt(name, sizeof(name), NULL, "%s%s", st->name, suffix))
		unlinkat(parts_fd(st), name, 0);
}

static struct store *alloc_store(const struct store_place *place, struct err *e)
{
	struct store *st = calloc(1, sizeof(*st));

	if (!st) {
		err_set(e, ENOMEM, "no memory for a recording");
		return NULL;
	}
	st->place = place;
	st->version = place->version ? place->version : 7;
	st->meta = st->data = -1;
	for (size_t i = 0; i < ARRAY_SIZE(st->parts); i++)
		st->parts[i] = -1;
	return st;
}

static bool is_gone(int fd)
{
	struct stat s;

	return fstat(fd, &s) || !s.st_nlink;
}

/*
 * Make <name>.meta, where neither it nor <name> is there yet. -EEXIST: try another name. Who
 * restores may lock it before we do, and takes it for an orphan: that name is his.
 */
static int claim(struct store *st, struct err *e)
{
	char meta[STORE_NAME_MAX + 8];
	int rc = meta_name(st, meta, sizeof(meta), e);
	bool locked;

	if (rc)
		return rc;
	if (!st->place->exact && !faccessat(st->place->dirfd, st->name, F_OK, AT_SYMLINK_NOFOLLOW))
		return -EEXIST;
	st->meta = openat(parts_fd(st), meta, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			  0600);
	if (st->meta < 0 && errno == EEXIST)
		return -EEXIST;
	if (st->meta < 0)
		return err_set(e, errno, "cannot make %s/%s", parts_dir(st), meta);
	locked = !flock(st->meta, LOCK_EX | LOCK_NB);
	if (!locked && errno != EWOULDBLOCK) {
		rc = err_set(e, errno, "cannot lock %s/%s", parts_dir(st), meta);
		unlinkat(parts_fd(st), meta, 0);
		return rc;
	}
	if (!locked || is_gone(st->meta)) {
		cleanup_fd(&st->meta);
		st->meta = -1;
		return -EEXIST;
	}
	return 0;
}

static int claim_any(struct store *st, const char *domain, struct err *e)
{
	time_t now = time(NULL);
	char stamp[32], more[16] = "";
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	for (unsigned int i = 1; i < TRIES; i++) {
		int rc = path_fmt(st->name, sizeof(st->name), e, "%s.%s.%s%s.dat",
				  st->place->prefix, domain, stamp, more);

		if (!rc)
			rc = claim(st, e);
		if (rc != -EEXIST)
			return rc;
		snprintf(more, sizeof(more), "-%u", i);
	}
	return err_say(e, EEXIST, "%s: there are %d files for %s of this second already",
		       st->place->outdir, TRIES, domain);
}

static int claim_exact(struct store *st, struct err *e)
{
	char path[STORE_PATH_MAX];
	int rc = path_fmt(st->name, sizeof(st->name), e, "%s", st->place->exact);

	if (!rc)
		rc = claim(st, e);
	if (rc != -EEXIST)
		return rc;
	store_part_path(st, "", path, sizeof(path));
	err_say(e, EEXIST, "%s.meta is there: another recording writes %s, or one was cut short",
		path, path);
	return err_hint(e, "'trace-cmd restore %s.meta' saves what was cut short", path);
}

struct store *store_new(const struct store_place *place, const char *domain, struct err *e)
{
	struct store *st = alloc_store(place, e);

	if (st && (place->exact ? claim_exact(st, e) : claim_any(st, domain, e))) {
		store_free(st);
		return NULL;
	}
	return st;
}

void store_free(struct store *st)
{
	if (!st)
		return;
	for (uint32_t i = 0; i < st->nparts; i++)
		cleanup_fd(&st->parts[i]);
	cleanup_fd(&st->data);
	cleanup_fd(&st->meta);
	free(st);
}

const char *store_name(const struct store *st)
{
	return st->name;
}

void store_remove(struct store *st)
{
	if (st->stay)
		return;
	unlink_suffix(st, ".data"); /* gone already where it became the file */
	unlink_suffix(st, ".plan");
	unlink_suffix(st, ".meta"); /* the last: as long as it is there, restore sees the others */
}

/* A descriptor of the data file; @flags: O_CREAT | O_TRUNC (one without .meta is of no use) or 0.
 */
static int open_data(const struct store *st, int flags, struct err *e)
{
	char name[STORE_NAME_MAX + 16];
	int fd, rc = data_name(st, name, sizeof(name), e);

	if (rc)
		return rc;
	fd = openat(parts_fd(st), name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	return fd < 0 ? err_set(e, errno, "cannot open %s/%s", parts_dir(st), name) : fd;
}

int store_data(struct store *st, uint32_t cpus, struct err *e)
{
	st->data = open_data(st, O_CREAT | O_TRUNC, e);
	return st->data < 0 ? st->data : regions_make(st->data, cpus, &st->regions, e);
}

int store_part(struct store *st, uint32_t cpu, struct err *e)
{
	int fd = open_data(st, 0, e);

	if (fd < 0)
		return fd;
	st->parts[cpu] = fd;
	if (cpu >= st->nparts)
		st->nparts = cpu + 1;
	if (lseek(fd, (off_t)regions_start(&st->regions, cpu), SEEK_SET) < 0)
		return err_set(e, errno, "cannot go to the region of CPU %u", cpu);
	return fd;
}

uint64_t store_room(const struct store *st)
{
	return st->regions.size;
}

int store_part_range(const struct store *st, uint32_t cpu, uint64_t *off, uint64_t *len,
		     struct err *e)
{
	off_t end;

	*off = st->data < 0 ? 0 : regions_start(&st->regions, cpu);
	if (st->data >= 0 && st->adopted)
		return regions_used(st->data, &st->regions, cpu, len, e);
	end = lseek(st->parts[cpu], 0, st->data < 0 ? SEEK_END : SEEK_CUR);
	if (end < 0)
		return err_set(e, errno, "cannot look at the pages of CPU %u", cpu);
	*len = (uint64_t)end - *off;
	return 0;
}

int store_put_plan(const struct store *st, const struct region_plan *p, struct err *e)
{
	uint8_t bytes[REGION_PLAN_MAX];
	size_t len = region_plan_put(p, bytes, sizeof(bytes));
	char name[STORE_NAME_MAX + 16];
	int rc = path_fmt(name, sizeof(name), e, "%s.plan", st->name);
	AUTO_FD fd = rc ? -1
			: openat(parts_fd(st), name,
				 O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (rc)
		return rc;
	if (fd < 0)
		return err_set(e, errno, "cannot make %s/%s", parts_dir(st), name);
	rc = write_all(fd, bytes, len, name, e);
	if (!rc && (fsync(fd) || (fsync(parts_fd(st)) && errno != EINVAL)))
		rc = err_set(e, errno, "cannot write %s/%s", parts_dir(st), name);
	return rc;
}

int store_get_plan(const struct store *st, struct region_plan *p, struct err *e)
{
	char name[STORE_NAME_MAX + 16];
	struct buf bytes = { 0 };
	int rc = path_fmt(name, sizeof(name), e, "%s.plan", st->name);

	if (!rc)
		rc = read_file_at(parts_fd(st), name, &bytes, REGION_PLAN_MAX, e);
	if (!rc)
		rc = region_plan_get(p, bytes.data, bytes.len, e);
	buf_free(&bytes);
	return rc;
}

int store_meta(struct store *st, const void *bytes, size_t len, struct err *e)
{
	char path[STORE_PATH_MAX];
	int rc = pwrite_all(st->meta, bytes, len, st->meta_len,
			    store_part_path(st, ".meta", path, sizeof(path)), e);

	if (!rc)
		st->meta_len += len;
	return rc;
}

void store_tail_keep(struct store *st)
{
	st->kept = st->meta_len;
}

int store_tail_drop(struct store *st)
{
	st->meta_len = st->kept;
	return ftruncate(st->meta, (off_t)st->kept) ? -errno : 0;
}

/* The head */

int store_head_open(const struct store *st, struct store_head *sh, struct err *e)
{
	struct err tail = { 0 };
	void *map;
	int rc;

	*sh = (struct store_head){ .len = st->meta_len };
	if (!sh->len)
		return err_say(e, ENODATA, "there are no metadata");
	map = mmap(NULL, sh->len, PROT_READ, MAP_PRIVATE, st->meta, 0);
	if (map == MAP_FAILED)
		return err_set(e, errno, "cannot map the metadata");
	sh->map = map;
	rc = tdat_head_parse(&sh->head, sh->map, sh->len, e);
	if (!rc && sh->head.used < sh->len)
		sh->tail_cut = tdat_head_add_options(&sh->head, sh->map + sh->head.used,
						     sh->len - sh->head.used, &tail) < 0;
	return rc;
}

void store_head_close(struct store_head *sh)
{
	tdat_head_free(&sh->head);
	if (sh->map)
		munmap((void *)(uintptr_t)sh->map, sh->len);
	sh->map = NULL;
}

static const char *feature_names(uint32_t features, char *to, size_t room)
{
	snprintf(to, room, "%s%s%s%s%s", features & MSG_F_TOTALS ? " totals" : "",
		 features & MSG_F_TAIL ? " tail" : "", features & MSG_F_MARKS ? " marks" : "",
		 features & MSG_F_SEQ ? " numbers" : "", features ? "" : " none");
	return to;
}

/* What made the head: as the peer said, or as the head says itself. */
static void peer_name(const struct tdat_head *head, const struct msg_ext *x, char *to, size_t room)
{
	const struct tdat_option *o = tdat_head_option(head, TDAT_OPT_VERSION);
	char text[MSG_MAX_PEER] = "";

	if (x->present && x->peer[0])
		snprintf(text, sizeof(text), "%s", x->peer);
	else if (o)
		snprintf(text, sizeof(text), "%.*s",
			 (int)strnlen((const char *)o->data.p, o->data.len),
			 (const char *)o->data.p);
	clean_text(to, room, text[0] ? text : "unknown (a peer without extensions)", "");
}

static void put_version(struct wcur *w, const struct tdat_head *head, const struct store_peer *peer)
{
	char text[4 * MSG_MAX_PEER + 160], name[MSG_MAX_PEER], names[64];
	int n;

	peer_name(head, peer->ext, name, sizeof(name));
	n = snprintf(text, sizeof(text), "%s; features:%s; received by trace-cmd %s %s", name,
		     feature_names(peer->ext->features, names, sizeof(names)), VERSION, peer->by);

	wcur_u16(w, TDAT_OPT_VERSION);
	wcur_u32(w, (uint32_t)n + 1);
	wcur_text(w, text);
}

/* What the peer's generation leaves out of the head, and the VERSION option. */
static int complete_head(struct store *st, const struct tdat_head *head,
			 const struct store_peer *peer, struct err *e)
{
	uint8_t bytes[512];
	struct wcur w = wcur_make(bytes, sizeof(bytes), head->big);

	if (head->no_cmdlines)
		wcur_u64(&w, 0);
	if (head->no_cpus)
		wcur_u32(&w, peer->cpus);
	if (head->no_options) {
		wcur_mem(&w, "options  ", 10);
		wcur_u16(&w, TDAT_OPT_DONE);
	}
	put_version(&w, head, peer);
	return store_meta(st, bytes, sizeof(bytes) - w.left, e);
}

static int judge_head(const struct store_head *sh, const struct store_peer *peer, struct err *e)
{
	const struct tdat_head *h = &sh->head;

	if (h->used != sh->len)
		return err_say(e, EPROTO, "offset %#zx: %zu bytes behind the end of the metadata",
			       h->used, sh->len - h->used);
	if (h->cpus && h->cpus != peer->cpus)
		return err_say(e, EPROTO, "the metadata are of %u CPUs, TINIT said %u", h->cpus,
			       peer->cpus);
	if (h->layout.size != peer->page_size)
		return err_say(e, EPROTO, "the metadata say pages of %u bytes, TINIT said %u",
			       h->layout.size, peer->page_size);
	return 0;
}

/* Put @head in the place of the metadata. */
static int replace_meta(struct store *st, const struct buf *head, struct err *e)
{
	if (ftruncate(st->meta, 0))
		return err_set(e, errno, "cannot cut the metadata");
	st->meta_len = 0;
	return store_meta(st, head->data, head->len, e);
}

/* A head in sections becomes one that can be completed and read in one piece. */
static int flatten(struct store *st, uint64_t most, struct err *e)
{
	struct buf head = { 0 }, meta = { 0 };
	char path[STORE_PATH_MAX];
	int version, rc;

	store_part_path(st, ".meta", path, sizeof(path));
	if (lseek(st->meta, 0, SEEK_SET) < 0)
		return err_set(e, errno, "cannot read %s", path);
	rc = read_fd_all(st->meta, &meta, st->meta_len, path, e);
	if (!rc)
		rc = tdat_head_flatten(meta.data, meta.len, &head, &version, e);
	if (!rc && head.len > most)
		rc = err_say(e, E2BIG, "they have more than %llu bytes when they are unpacked",
			     (unsigned long long)most);
	if (!rc && version == 7)
		rc = replace_meta(st, &head, e);
	if (!rc && !st->place->version)
		st->version = version;
	buf_free(&head);
	buf_free(&meta);
	return rc;
}

int store_head_done(struct store *st, const struct store_peer *peer, struct err *e)
{
	struct store_head sh = { 0 };
	int rc = peer->whole ? flatten(st, peer->most, e) : 0;

	if (!rc)
		rc = store_head_open(st, &sh, e);
	if (!rc)
		rc = judge_head(&sh, peer, e);
	if (rc)
		err_prefix(e, "bad metadata");
	else
		rc = complete_head(st, &sh.head, peer, e);
	store_head_close(&sh);
	if (rc)
		return rc;
	store_tail_keep(st);
	return 0;
}

void store_head_own(struct store *st)
{
	store_tail_keep(st);
}

/* Orphans */

static int adopt_meta(struct store *st, const char *meta, struct err *e)
{
	size_t len = strlen(meta), suffix = strlen(".meta");
	struct stat s;
	int rc;

	if (len <= suffix || strcmp(meta + len - suffix, ".meta") || strchr(meta, '/'))
		return err_say(e, EINVAL, "%s is no name of a .meta file", meta);
	rc = path_fmt(st->name, sizeof(st->name), e, "%.*s", (int)(len - suffix), meta);
	if (rc)
		return rc;
	st->meta = openat(parts_fd(st), meta, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (st->meta < 0 || fstat(st->meta, &s))
		return err_set(e, errno, "cannot open %s/%s", parts_dir(st), meta);
	if (!S_ISREG(s.st_mode))
		return err_say(e, EINVAL, "%s/%s is no file", parts_dir(st), meta);
	if (flock(st->meta, LOCK_EX | LOCK_NB)) {
		err_say(e, EBUSY, "%s/%s is being written by a running virt-server or listen",
			parts_dir(st), meta);
		return -EBUSY;
	}
	st->meta_len = st->kept = (uint64_t)s.st_size;
	return 0;
}

/*
 * The geometry: from the note at the beginning of the file; where the head stands there already,
 * the plan in the .meta has it, and assemble.c takes it from there.
 */
static int adopt_data(struct store *st, struct err *e)
{
	st->adopted = true;
	st->data = open_data(st, 0, e);
	if (st->data == -ENOENT) {
		st->data =
			-1; /* it ended before a page came; what the metadata are, the head says */
		err_clear(e);
		return 0;
	}
	if (st->data < 0)
		return st->data;
	if (regions_read(st->data, &st->regions, NULL))
		return 0;
	for (uint32_t cpu = 0; cpu < st->regions.cpus; cpu++) {
		int fd = store_part(st, cpu, e);

		if (fd < 0)
			return fd;
	}
	return 0;
}

struct store *store_adopt(const struct store_place *place, const char *meta, struct err *e)
{
	struct store *st = alloc_store(place, e);

	if (st && (adopt_meta(st, meta, e) || adopt_data(st, e))) {
		store_free(st);
		return NULL;
	}
	return st;
}

/* Metadata of version 7, as stock's "restore -c" makes them, become a head of version 6 in memory.
 */
static int flatten_meta(struct store *st, const char *head, struct err *e)
{
	enum { VERSION_AT = 10, META_MAX = 1 << 30 };
	struct buf file = { 0 }, flat = { 0 };
	int version, ret;
	char v;

	if (pread(st->meta, &v, 1, VERSION_AT) != 1 || v != '7')
		return 0;
	ret = read_fd_all(st->meta, &file, META_MAX, head, e);
	if (!ret && tdat_head_flatten(file.data, file.len, &flat, &version, e))
		ret = err_prefix(e, "%s", head);
	close(st->meta);
	st->meta = ret ? -1 : memfd_create("head", MFD_CLOEXEC);
	if (!ret && st->meta < 0)
		ret = err_set(e, errno, "no memory for the metadata");
	if (!ret)
		ret = write_all(st->meta, flat.data, flat.len, head, e);
	buf_free(&file);
	buf_free(&flat);
	return ret;
}

static int gather(struct store *st, const char *name, const char *head, const char *const *parts,
		  uint32_t nparts, struct err *e)
{
	struct stat s;
	int rc = path_fmt(st->name, sizeof(st->name), e, "%s", name);

	if (rc)
		return rc;
	st->meta = open(head, O_RDONLY | O_CLOEXEC);
	if (st->meta >= 0) {
		rc = flatten_meta(st, head, e);
		if (rc)
			return rc;
	}
	if (st->meta < 0 || fstat(st->meta, &s))
		return err_set(e, errno, "cannot open %s", head);
	if (flock(st->meta, LOCK_EX | LOCK_NB))
		return err_say(e, EBUSY, "%s is being written by a running virt-server or listen",
			       head);
	st->meta_len = st->kept = (uint64_t)s.st_size;
	for (uint32_t cpu = 0; cpu < nparts && cpu < MSG_MAX_CPUS; cpu++) {
		if (!parts[cpu])
			continue;
		st->parts[cpu] = open(parts[cpu], O_RDONLY | O_CLOEXEC);
		if (st->parts[cpu] < 0)
			return err_set(e, errno, "cannot open %s", parts[cpu]);
		st->nparts = cpu + 1;
	}
	return 0;
}

struct store *store_gather(const struct store_place *place, const char *name, const char *head,
			   const char *const *parts, uint32_t nparts, struct err *e)
{
	struct store *st = alloc_store(place, e);

	if (!st)
		return NULL;
	st->stay = true;
	if (!gather(st, name, head, parts, nparts, e))
		return st;
	store_free(st);
	return NULL;
}
