/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_script.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void at_args_init(struct at_args *a)
{
	a->count = 0;
}

static size_t find_slot(const struct at_args *a, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < a->count; i++)
		if (strncmp(a->arg[i].name, name, len) == 0 && a->arg[i].name[len] == '\0')
			break;
	return i;
}

const struct at_arg *at_args_find(const struct at_args *a, const char *name, size_t len)
{
	size_t i = find_slot(a, name, len);

	return i < a->count ? &a->arg[i] : NULL;
}

static void set(struct at_args *a, const struct at_arg *arg)
{
	size_t i = find_slot(a, arg->name, strlen(arg->name));

	if (i == a->count) {
		assert(a->count < AT_ARGS_MAX);
		a->count++;
	}
	a->arg[i] = *arg;
}

static void set_text(
    struct at_args *a, const char *name, const char *text, enum at_arg_kind kind, bool is_secret)
{
	if (!text) {
		at_args_unset(a, name);
		return;
	}
	set(a, &(struct at_arg){ .name = name,
		   .kind = kind,
		   .is_secret = is_secret,
		   .bytes = { .data = (const uint8_t *)text, .len = strlen(text) } });
}

void at_args_number(struct at_args *a, const char *name, uint64_t number)
{
	set(a, &(struct at_arg){ .name = name, .kind = AT_ARG_NUMBER, .number = number });
}

void at_args_bytes(struct at_args *a, const char *name, const void *data, size_t len)
{
	set(a, &(struct at_arg){
		   .name = name, .kind = AT_ARG_TEXT, .bytes = { .data = data, .len = len } });
}

void at_args_text(struct at_args *a, const char *name, const char *text)
{
	set_text(a, name, text, AT_ARG_TEXT, false);
}

void at_args_secret(struct at_args *a, const char *name, const char *text)
{
	set_text(a, name, text, AT_ARG_TEXT, true);
}

void at_args_raw(struct at_args *a, const char *name, const char *text)
{
	set_text(a, name, text, AT_ARG_RAW, false);
}

void at_args_unset(struct at_args *a, const char *name)
{
	size_t i = find_slot(a, name, strlen(name));

	if (i < a->count)
		a->arg[i] = a->arg[--a->count];
}

/* ---- at_script_check ---- */

struct vocabulary {
	const char *const *names;
	size_t count;
};

static bool is_known(const struct vocabulary *v, const char *name, size_t len)
{
	for (size_t i = 0; i < v->count; i++)
		if (strncmp(v->names[i], name, len) == 0 && v->names[i][len] == '\0')
			return true;
	return false;
}

/* NULL, or what is wrong. built_in: the one name that is known without its owner. */
static const char *check_template(
    const char *tmpl, const struct vocabulary *v, const char *built_in)
{
	unsigned depth = 0;
	bool in_quotes = false;
	const char *end;
	size_t len;

	for (const char *s = tmpl; *s; s++) {
		if (*s == '"')
			in_quotes = !in_quotes;
		else if (*s == '[')
			depth++;
		else if (*s == ']' && depth-- == 0)
			return "a ] without its [";
		if (*s != '<')
			continue;
		end = strchr(s, '>');
		if (!end)
			return "a < without its >";
		len = (size_t)(end - s - 1);
		if (!is_known(v, s + 1, len) &&
		    (strncmp(built_in, s + 1, len) != 0 || built_in[len] != '\0'))
			return "a placeholder that nobody sets";
		s = end;
	}
	if (depth > 0)
		return "a [ without its ]";
	return in_quotes ? "a quote that is not closed" : NULL;
}

/* "AT+CMQTTPUB=..." and "+CMQTTPUB: ..." speak of the same command. */
static bool is_same_command(const char *send, const char *answer)
{
	static const char ends[] = ":=?";
	size_t len = strcspn(answer, ends);

	return strncmp(send, "AT", 2) == 0 && strcspn(send + 2, ends) == len &&
	       strncmp(send + 2, answer, len) == 0;
}

static const char *check_answer(
    const struct at_step *step, const char *answer, const struct vocabulary *v)
{
	if (!answer)
		return NULL;
	if (answer[0] != '+')
		return "an answer that does not begin with +";
	if (!is_same_command(step->send, answer))
		return "an answer to another command";
	return check_template(answer, v, "err");
}

static const char *check_step(const struct at_step *step, const struct vocabulary *v)
{
	const char *why;
	bool has_length;

	if (!step->send)
		return "no command";
	has_length = strstr(step->send, "<req_length>") != NULL;
	why = check_template(step->send, v, "req_length");
	if (!why)
		why = check_answer(step, step->answer, v);
	if (!why)
		why = check_answer(step, step->refusal, v);
	if (why)
		return why;
	if (strncmp(step->send, "AT", 2) != 0 && step->send[0] != '<')
		return "a command that does not begin with AT";
	if (step->timeout_ms == 0)
		return "no time-out";
	if (has_length != (step->data != NULL))
		return "<req_length> and data need each other";
	if (step->data && !is_known(v, step->data, strlen(step->data)))
		return "data that nobody sets";
	if (step->only_if && !is_known(v, step->only_if, strlen(step->only_if)))
		return "a condition that nobody sets";
	if (step->fine_errs[0] != 0 && !step->answer && !step->refusal)
		return "fine errors that no line can report";
	return NULL;
}

int at_script_check(
    const struct at_step *script, const char *const *names, size_t count, const char **ret_why)
{
	const struct vocabulary v = { .names = names, .count = count };
	const char *why = NULL;
	bool is_at_end = false;

	for (size_t i = 0; !is_at_end && !why; i++) {
		why = i < AT_STEPS_MAX ? check_step(&script[i], &v)
				       : "none of AT_STEPS_MAX steps is the last";
		is_at_end = i < AT_STEPS_MAX && script[i].is_last;
	}
	if (!why)
		return 0;
	*ret_why = why;
	return -EINVAL;
}
