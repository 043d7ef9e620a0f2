/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was changed in the store since the last commit, kept in memory so that it can be done again:
 * when a commit fails, SQLite rolls the transaction back, while the core goes on to believe in it.
 *
 * The records are copies; spans and targets of a record that is read are in the log and are valid
 * until the next append.
 */
#ifndef CMQTTD_STORE_REDO_H
#define CMQTTD_STORE_REDO_H

#include "store/store.h"

enum redo_op {
	REDO_ADD,
	REDO_REMOVE,
	REDO_SWEEP, /* all waiting rows of its priority, up to it */
	REDO_MARK,
	REDO_BURY,
	REDO_REVIVE,
	REDO_ADD_QUEUE,
	REDO_DROP_QUEUE,
	REDO_PUT_NOTE,
	REDO_DROP_NOTE,
};

struct redo_record {
	enum redo_op op;
	int64_t id;             /* of the row; of queues and notes: the queue */
	bool is_dead;           /* REDO_REMOVE, REDO_MARK: which table */
	bool is_shared;         /* REDO_REMOVE: its body is */
	uint8_t tries;          /* REDO_MARK */
	enum store_state state; /* REDO_MARK */
	enum store_note kind;   /* of notes */
	struct span text;       /* REDO_BURY: the reason; queues: the name; notes: the key */
	struct span payload;    /* REDO_ADD; REDO_PUT_NOTE: the value */
	/* REDO_ADD */
	uint64_t seq;
	int64_t accepted_ms;
	const struct store_target *targets;
	size_t target_count;
};

struct redo {
	struct buf log;
};

/* Empty log; free it with redo_fini. */
void redo_init(struct redo *r);
void redo_fini(struct redo *r);

/* Forget all of it: it was committed. */
void redo_clear(struct redo *r);

/* Append a record; all or nothing. A text that is the same memory in neighbouring targets is kept
 * once. 0, -ENOMEM, -ENOBUFS: too much has piled up. */
int redo_append(struct redo *r, const struct redo_record *record);

/* Bytes held. 0: nothing was changed. */
size_t redo_size(const struct redo *r);

/* The record at *at, which moves on to the next one; begin with 0. false: there is none. */
bool redo_next(struct redo *r, size_t *at, struct redo_record *ret);

#endif
