// SPDX-License-Identifier: GPL-2.0
/*
 * table.c - the guests of this host as text: list --guests
 *
 * Theory of operation
 *
 * All cells are made first, then each column is as wide as its widest cell. Columns are only ever
 * added at the right, and a cell without a value is "-", so that scripts may count them; a cell has
 * blanks only in the columns behind THREADS.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "guests/lines.h"
#include "guests/vcpus.h"

enum { GUEST, QEMU, VCPUS, THREADS, CHANNELS, AGENT, RECORDING, COLUMNS };
enum { CELL_MAX = GUESTS_PATH_MAX + 64 };

static const struct {
	const char *title;
	bool right;
} columns[COLUMNS] = {
	[GUEST] = { "GUEST" },	       [QEMU] = { "QEMU", true },   [VCPUS] = { "VCPUS", true },
	[THREADS] = { "THREADS" },     [CHANNELS] = { "CHANNELS" }, [AGENT] = { "AGENT" },
	[RECORDING] = { "RECORDING" },
};

struct row {
	char cell[COLUMNS][CELL_MAX];
};

/* --- cells --- */

/* "1240-1243,1250", in the order of the vCPUs; "?" for one that is not known. */
static int add_threads(struct buf *to, const int32_t *tid, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0, last; !rc && i < n; i = last + 1) {
		for (last = i; last + 1 < n && tid[i] > 0 && tid[last + 1] == tid[last] + 1;)
			last++;
		if (to->len)
			rc = buf_add(to, ",", 1);
		if (!rc && tid[i] < 0)
			rc = buf_add(to, "?", 1);
		else if (!rc && last == i)
			rc = buf_addf(to, "%d", tid[i]);
		else if (!rc)
			rc = buf_addf(to, "%d-%d", tid[i], tid[last]);
	}
	return rc ? rc : buf_text(to);
}

static bool any_known(const int32_t *tid, uint32_t n)
{
	while (n && tid[n - 1] < 0)
		n--;
	return n;
}

static int put_threads(const struct guest_line *g, char *cell)
{
	AUTO_FREE int32_t *tid = calloc((size_t)g->vcpus + 1, sizeof(*tid));
	struct buf text = { 0 };
	int rc = tid ? 0 : -ENOMEM;

	if (!rc && g->pid && g->vcpus) {
		guest_vcpu_threads(g->pid, tid, g->vcpus);
		if (any_known(tid, g->vcpus))
			rc = add_threads(&text, tid, g->vcpus);
		else
			rc = buf_add(&text, "?", sizeof("?"));
		if (!rc)
			snprintf(cell, CELL_MAX, "%s", (char *)text.data);
	}
	buf_free(&text);
	return rc;
}

/* "trace-cmd 0.1.0 Linux 6.1.0": "0.1.0". */
static void put_agent(const char *word, const char *version, char *cell)
{
	static const char own[] = "trace-cmd ";
	bool is_own = !strncmp(version, own, sizeof(own) - 1);

	version += is_own ? sizeof(own) - 1 : 0;
	snprintf(cell, CELL_MAX, "%s%s%.*s", word, *version ? " " : "",
		 is_own ? (int)strcspn(version, " ") : 64, version);
}

static void put_recording(const struct broker_guest *live, char *cell)
{
	bool runs = !strcmp(live->state, "recording");

	if (live->file[0])
		snprintf(cell, CELL_MAX, "%s%s%s%s", live->file, runs ? "" : " (",
			 runs ? "" : live->state, runs ? "" : ")");
	else
		snprintf(cell, CELL_MAX, "record --virt (%s)", live->state);
}

static void put_live(const struct broker_guest *live, struct row *r)
{
	static const struct {
		const char *state, *word;
	} agents[] = {
		{ "", "-" },
		{ BROKER_AWAY, "not connected" },
		{ BROKER_NO_AGENT, "none" },
		{ BROKER_IDLE, "idle" },
		{ BROKER_BUSY, "busy" },
		{ BROKER_SILENT, "silent" },
		{ BROKER_LENT, "records" },
		{ BROKER_PORTS, "virtio-trace" },
	};

	bool lent = !strcmp(live->state, BROKER_LENT);

	if (live->pid)
		snprintf(r->cell[RECORDING], CELL_MAX, "record -A, process %d", (int)live->pid);
	if (lent && !live->version[0]) { /* its last pages are read */
		snprintf(r->cell[AGENT], CELL_MAX, "gone");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(agents); i++)
		if (!strcmp(live->state, agents[i].state)) {
			put_agent(agents[i].word, live->version, r->cell[AGENT]);
			return;
		}
	put_recording(live, r->cell[RECORDING]);
}

/* What stands under AGENT and RECORDING when nobody could be asked. */
static const char *no_server(int rc)
{
	if (rc == -ENOTCONN)
		return "no virt-server";
	return rc == -EACCES || rc == -EPERM ? "not permitted" : "no answer";
}

static int put_row(const struct guest_line *g, int server, struct row *r)
{
	for (size_t i = 0; i < COLUMNS; i++)
		snprintf(r->cell[i], CELL_MAX, "-");
	snprintf(r->cell[GUEST], CELL_MAX, "%s", g->name);
	if (g->pid)
		snprintf(r->cell[QEMU], CELL_MAX, "%d", (int)g->pid);
	if (g->vcpus)
		snprintf(r->cell[VCPUS], CELL_MAX, "%u", g->vcpus);
	if (g->nchans)
		snprintf(r->cell[CHANNELS], CELL_MAX, "%zu %s", g->nchans,
			 g->kind == GUEST_CHAN_FIFO ? "FIFOs" : "sockets");
	if (server)
		snprintf(r->cell[AGENT], CELL_MAX, "%s", no_server(server));
	else
		put_live(&g->live, r);
	return put_threads(g, r->cell[THREADS]);
}

/* --- the table --- */

static int add_row(struct buf *to, const struct row *r, const int width[COLUMNS])
{
	int rc = 0;

	for (size_t i = 0; !rc && i < COLUMNS; i++) {
		int w = i + 1 < COLUMNS ? width[i] : 0;

		rc = buf_addf(to, "%s%*s", i ? "  " : "", columns[i].right ? w : -w, r->cell[i]);
	}
	return rc ? rc : buf_add(to, "\n", 1);
}

static int add_table(struct buf *to, const struct row *rows, size_t n)
{
	int width[COLUMNS] = { 0 }, rc = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t c = 0; c < COLUMNS; c++) {
			int len = (int)strlen(rows[i].cell[c]);

			width[c] = len > width[c] ? len : width[c];
		}
	for (size_t i = 0; !rc && i < n; i++)
		rc = add_row(to, &rows[i], width);
	return rc;
}

int guest_table(const char *dir, struct buf *to, struct err *e)
{
	AUTO_FREE struct guest_line *lines = NULL;
	AUTO_FREE struct row *rows = NULL;
	int server, rc;
	size_t n;

	rc = guest_lines(dir, &lines, &n, &server, e);
	if (rc || !n)
		return rc;
	rows = calloc(n + 1, sizeof(*rows));
	rc = rows ? 0 : -ENOMEM;
	for (size_t c = 0; !rc && c < COLUMNS; c++)
		snprintf(rows[0].cell[c], CELL_MAX, "%s", columns[c].title);
	for (size_t i = 0; !rc && i < n; i++)
		rc = put_row(&lines[i], server, &rows[i + 1]);
	if (!rc)
		rc = add_table(to, rows, n + 1);
	return rc ? err_set(e, ENOMEM, "no memory for the list of guests") : 0;
}
