/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/varlink.h"

#include <errno.h>
#include <string.h>

void varlink_reader_init(struct varlink_reader *r, size_t max_bytes, size_t max_values)
{
	*r = (struct varlink_reader){ .max_values = max_values };
	buf_init(&r->in, max_bytes);
}

void varlink_reader_fini(struct varlink_reader *r)
{
	buf_fini(&r->in);
	r->scanned = 0;
}

int varlink_reader_feed(
    struct varlink_reader *r, const uint8_t *data, size_t len, size_t *ret_taken)
{
	size_t n = len < buf_room(&r->in) ? len : buf_room(&r->in);
	int err = buf_append(&r->in, data, n);

	if (err < 0)
		return err;
	*ret_taken = n;
	return 0;
}

/* Every value but the first follows one of these outside of a string. */
static bool has_too_many_values(const char *text, size_t len, size_t max_values)
{
	size_t values = 1;
	bool is_string = false;

	for (size_t i = 0; i < len; i++) {
		if (is_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			is_string = !is_string;
		else if (!is_string && (text[i] == ',' || text[i] == '[' || text[i] == '{'))
			values++;
	}
	return values > max_values;
}

static json_t *parse_object(const char *text, size_t len, size_t max_values)
{
	json_t *msg;

	if (has_too_many_values(text, len, max_values))
		return NULL;
	msg = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (msg && !json_is_object(msg)) {
		json_decref(msg);
		return NULL;
	}
	return msg;
}

enum varlink_read varlink_reader_next(struct varlink_reader *r, json_t **ret_msg)
{
	size_t have = buf_len(&r->in);
	const char *text = (const char *)buf_data(&r->in);
	const char *end = NULL;
	json_t *msg;

	if (have > r->scanned)
		end = memchr(text + r->scanned, '\0', have - r->scanned);
	if (!end) {
		r->scanned = have;
		return buf_room(&r->in) > 0 ? VARLINK_READ_NOTHING : VARLINK_READ_GARBAGE;
	}
	msg = parse_object(text, (size_t)(end - text), r->max_values);
	if (!msg)
		return VARLINK_READ_GARBAGE;
	buf_consume(&r->in, (size_t)(end - text) + 1);
	r->scanned = 0;
	*ret_msg = msg;
	return VARLINK_READ_MESSAGE;
}

/* The member of an object; a null counts as absent. */
static json_t *get_member(json_t *msg, const char *name)
{
	json_t *value = json_object_get(msg, name);

	return json_is_null(value) ? NULL : value;
}

/* 0 and the flag, absent: false; -EBADMSG: no boolean. */
static int get_flag(json_t *msg, const char *name, bool *ret)
{
	json_t *value = get_member(msg, name);

	if (value && !json_is_boolean(value))
		return -EBADMSG;
	*ret = json_is_true(value);
	return 0;
}

static int get_parameters(json_t *msg, json_t **ret)
{
	json_t *value = get_member(msg, "parameters");

	if (value && !json_is_object(value))
		return -EBADMSG;
	*ret = value;
	return 0;
}

int varlink_parse_call(json_t *msg, struct varlink_call *ret)
{
	struct varlink_call call = { .method = json_string_value(get_member(msg, "method")) };

	if (!call.method || get_parameters(msg, &call.parameters) < 0 ||
	    get_flag(msg, "more", &call.is_more) < 0 ||
	    get_flag(msg, "oneway", &call.is_oneway) < 0 ||
	    get_flag(msg, "upgrade", &call.is_upgrade) < 0)
		return -EBADMSG;
	/* Any number of replies, and none at all: the sender is confused. */
	if (call.is_more && call.is_oneway)
		return -EBADMSG;
	*ret = call;
	return 0;
}

int varlink_parse_answer(json_t *msg, struct varlink_answer *ret)
{
	json_t *error = get_member(msg, "error");
	struct varlink_answer answer = { .error = json_string_value(error) };

	if ((error && !answer.error) || get_parameters(msg, &answer.parameters) < 0 ||
	    get_flag(msg, "continues", &answer.is_continued) < 0)
		return -EBADMSG;
	*ret = answer;
	return 0;
}

struct writer {
	struct buf text;
	int error;
};

/* The failure is kept here: json_dump_callback of Jansson 2.14 overlooks one that meets the name of
 * a member, and goes on without it. */
static int write_piece(const char *piece, size_t len, void *data)
{
	struct writer *w = data;

	if (w->error == 0)
		w->error = buf_append(&w->text, piece, len);
	return w->error;
}

/* Append an envelope (taken over, NULL: no memory) as a message. */
static int write_message(struct buf *out, json_t *envelope)
{
	struct writer w = { .error = envelope ? 0 : -ENOMEM };
	int r = 0;

	buf_init(&w.text, buf_room(out));
	if (envelope)
		r = json_dump_callback(envelope, write_piece, &w, JSON_COMPACT);
	if (w.error == 0 && r < 0)
		w.error = -ENOMEM;
	write_piece("", 1, &w); /* the NUL */
	if (w.error == 0)
		w.error = buf_append(out, buf_data(&w.text), buf_len(&w.text));
	buf_fini(&w.text);
	json_decref(envelope);
	return w.error;
}

int varlink_write_call(struct buf *out, const char *method, json_t *parameters, bool is_more)
{
	json_t *envelope = json_pack("{s:s, s:o}", "method", method, "parameters", parameters);

	if (envelope && is_more && json_object_set_new(envelope, "more", json_true()) < 0) {
		json_decref(envelope);
		envelope = NULL;
	}
	return write_message(out, envelope);
}

int varlink_write_reply(struct buf *out, json_t *parameters, bool is_continued)
{
	json_t *envelope = json_pack("{s:o}", "parameters", parameters);

	if (envelope && is_continued &&
	    json_object_set_new(envelope, "continues", json_true()) < 0) {
		json_decref(envelope);
		envelope = NULL;
	}
	return write_message(out, envelope);
}

int varlink_write_error(struct buf *out, const char *error, json_t *parameters)
{
	return write_message(
	    out, json_pack("{s:s, s:o}", "error", error, "parameters", parameters));
}
