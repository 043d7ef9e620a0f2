/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_auth.h"

#include "base/limits.h"
#include "mqtt/mqtt_topic.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ACCESS_READ      1
#define ACCESS_WRITE     2
#define ACCESS_DENY      4
#define RULES_FIRST      16
#define SHA_ROUNDS_MAX   100000
#define BCRYPT_COST_MAX  10
#define PASSPHRASE_BYTES 512 /* crypt(3): CRYPT_MAX_PASSPHRASE_SIZE, its NUL included */

struct user {
	struct span name;
	const char *hash;
};

enum rule_scope {
	RULE_ANONYMOUS, /* a topic before the first user */
	RULE_USER,
	RULE_PATTERN, /* everybody */
};

struct rule {
	enum rule_scope scope;
	struct span user; /* RULE_USER */
	struct span filter;
	unsigned access;
};

struct mqtt_auth {
	char *passwords; /* copies of the texts: users and rules point into them */
	char *acl;
	struct user *users;
	size_t user_count, user_cap;
	struct rule *rules;
	size_t rule_count, rule_cap;
};

/* A text being read line by line. Lines are ended by NUL in place. */
struct lines {
	char *next;
	unsigned number;
	const char *why; /* what is wrong with the present line */
};

static char *skip_blanks(char *p)
{
	return p + strspn(p, " \t");
}

static void strip_blanks_behind(char *line)
{
	size_t len = strlen(line);

	while (len > 0 && strchr(" \t\r", line[len - 1]))
		line[--len] = '\0';
}

/* The next line that is neither empty nor a comment; NULL at the end. */
static char *next_line(struct lines *l)
{
	while (l->next) {
		char *line = skip_blanks(l->next), *end = strchr(l->next, '\n');

		l->number++;
		l->next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		strip_blanks_behind(line);
		if (*line != '\0' && *line != '#')
			return line;
	}
	return NULL;
}

/* The first word of the line, ended by NUL; *line moves on to the second. */
static char *next_word(char **line)
{
	char *word = *line;
	size_t len = strcspn(word, " \t");

	if (word[len] != '\0')
		word[len++] = '\0';
	*line = skip_blanks(word + len);
	return word;
}

/* Room for one more element; array is a pointer to the pointer of the first. */
static int grow(void **array, size_t count, size_t *cap, size_t size)
{
	size_t more = *cap ? 2 * *cap : RULES_FIRST;
	void *p;

	if (count < *cap)
		return 0;
	p = realloc(*array, more * size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*cap = more;
	return 0;
}

static int add_user(struct mqtt_auth *a, char *name, const char *hash)
{
	void *users = a->users;
	int r = grow(&users, a->user_count, &a->user_cap, sizeof(*a->users));

	a->users = users;
	if (r < 0)
		return r;
	a->users[a->user_count++] = (struct user){ .name = span_text(name), .hash = hash };
	return 0;
}

static const struct user *find_user(const struct mqtt_auth *a, struct span name)
{
	for (size_t i = 0; i < a->user_count; i++) {
		if (span_equal(a->users[i].name, name))
			return &a->users[i];
	}
	return NULL;
}

/* A CONNECT with it does not hold the loop for long: 0.1 s at most on a PC, a second on a small
 * gateway. Of crypt(5): md5crypt, SHA-256 and SHA-512, bcrypt, and yescrypt as it is made by
 * default or a step dearer; of other kinds the cost is not known. */
static bool is_quick(const char *hash)
{
	static const char rounds[] = "rounds=";
	const char *cost = strchr(hash + 1, '$');

	if (!cost++)
		return false;
	switch (hash[1]) {
	case '1':
		return true;
	case '5':
	case '6':
		return strncmp(cost, rounds, strlen(rounds)) != 0 ||
		       strtoull(cost + strlen(rounds), NULL, 10) <= SHA_ROUNDS_MAX;
	case '2':
		return strtoull(cost, NULL, 10) <= BCRYPT_COST_MAX;
	case 'y':
	case 'g': /* flags, memory, block size; more would be more time */
		return strcspn(cost, "$") == 3 && cost[1] <= 'A' && cost[2] <= 'T';
	}
	return false;
}

static int parse_password_line(struct mqtt_auth *a, struct lines *l, char *line)
{
	char *hash = strchr(line, ':');

	if (!hash || hash == line) {
		l->why = "expected user:hash";
		return -EINVAL;
	}
	*hash++ = '\0';
	/* Without the dollar it would be a password in plain text, or one of the old DES hashes
	 * that end after eight characters. */
	if (hash[0] != '$') {
		l->why = "the password must be hashed: openssl passwd -6 does it";
		return -EINVAL;
	}
	if (!is_quick(hash)) {
		l->why = "the hash takes too long, or is of an unknown kind: openssl passwd -6 "
			 "makes a good one";
		return -EINVAL;
	}
	if (find_user(a, span_text(line))) {
		l->why = "this user has a line already; leave one";
		return -EINVAL;
	}
	return add_user(a, line, hash);
}

static bool parse_access(const char *word, unsigned *ret)
{
	static const struct {
		const char *word;
		unsigned access;
	} words[] = {
		{ "read", ACCESS_READ },
		{ "write", ACCESS_WRITE },
		{ "readwrite", ACCESS_READ | ACCESS_WRITE },
		{ "deny", ACCESS_DENY },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word) == 0) {
			*ret = words[i].access;
			return true;
		}
	}
	return false;
}

/* "[access] FILTER": the filter is the rest of the line and may contain blanks. A single word is a
 * filter, even "read". */
static int parse_rule(struct mqtt_auth *a, struct lines *l, char *rest, struct rule rule)
{
	size_t first = strcspn(rest, " \t");
	void *rules = a->rules;
	int r;

	rule.access = ACCESS_READ | ACCESS_WRITE;
	if (rest[first] != '\0') {
		char saved = rest[first];

		rest[first] = '\0';
		if (parse_access(rest, &rule.access))
			rest = skip_blanks(rest + first + 1);
		else
			rest[first] = saved;
	}
	rule.filter = span_text(rest);
	if (!mqtt_topic_is_filter(rest, rule.filter.len)) {
		l->why = "not a topic filter: + is a whole level, # the whole last one";
		return -EINVAL;
	}
	r = grow(&rules, a->rule_count, &a->rule_cap, sizeof(*a->rules));
	a->rules = rules;
	if (r < 0)
		return r;
	a->rules[a->rule_count++] = rule;
	return 0;
}

static int parse_acl_line(struct mqtt_auth *a, struct lines *l, char *line, struct rule *scope)
{
	const char *word = next_word(&line);

	if (*line == '\0') {
		l->why = "a word is missing: a user's name, or a topic filter";
		return -EINVAL;
	}
	if (strcmp(word, "user") == 0) {
		*scope = (struct rule){ .scope = RULE_USER, .user = span_text(line) };
		return 0;
	}
	if (strcmp(word, "topic") == 0)
		return parse_rule(a, l, line, *scope);
	if (strcmp(word, "pattern") == 0)
		return parse_rule(a, l, line, (struct rule){ .scope = RULE_PATTERN });
	l->why = "a line begins with user, topic or pattern";
	return -EINVAL;
}

/* A copy with a NUL behind it, for the parsers to cut up. */
static int copy_text(const char *text, size_t len, char **ret, struct lines *l)
{
	char *copy;

	*l = (struct lines){ 0 };
	if (memchr(text, '\0', len)) {
		l->why = "the file contains a NUL";
		return -EINVAL;
	}
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*ret = copy;
	l->next = copy;
	return 0;
}

static int parse_passwords(struct mqtt_auth *a, const char *text, size_t len, struct lines *l)
{
	int r = copy_text(text, len, &a->passwords, l);
	char *line;

	while (r == 0 && (line = next_line(l)))
		r = parse_password_line(a, l, line);
	return r;
}

static int parse_acl(struct mqtt_auth *a, const char *text, size_t len, struct lines *l)
{
	struct rule scope = { .scope = RULE_ANONYMOUS };
	int r = copy_text(text, len, &a->acl, l);
	char *line;

	while (r == 0 && (line = next_line(l)))
		r = parse_acl_line(a, l, line, &scope);
	return r;
}

int mqtt_auth_new(const char *passwords, size_t passwords_len, const char *acl, size_t acl_len,
    struct mqtt_auth **ret, unsigned *ret_line, const char **ret_why)
{
	struct mqtt_auth *a = calloc(1, sizeof(*a));
	struct lines l = { 0 };
	int r = 0;

	if (!a)
		return -ENOMEM;
	if (passwords)
		r = parse_passwords(a, passwords, passwords_len, &l);
	if (r == 0 && acl)
		r = parse_acl(a, acl, acl_len, &l);
	if (r < 0) {
		mqtt_auth_free(a);
		if (r == -EINVAL) {
			*ret_line = l.number;
			*ret_why = l.why;
		}
		return r;
	}
	*ret = a;
	return 0;
}

void mqtt_auth_free(struct mqtt_auth *a)
{
	if (!a)
		return;
	free(a->passwords);
	free(a->acl);
	free(a->users);
	free(a->rules);
	free(a);
}

bool mqtt_auth_has_users(const struct mqtt_auth *a)
{
	return a && a->user_count > 0;
}

/* Takes the same time wherever they differ. */
static bool same_hash(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	unsigned char differs = a_len != b_len;

	for (size_t i = 0; i < a_len && i < b_len; i++)
		differs |= (unsigned char)(a[i] ^ b[i]);
	return !differs;
}

static bool password_fits(const char *hash, const char *password)
{
	struct crypt_data *work = calloc(1, sizeof(*work));
	const char *made;
	bool fits;

	if (!work)
		return false;
	made = crypt_r(password, hash, work);
	fits = made && made[0] != '*' && same_hash(made, hash);
	explicit_bzero(work, sizeof(*work));
	free(work);
	return fits;
}

bool mqtt_auth_check(const struct mqtt_auth *a, struct span user, struct span password)
{
	char text[PASSPHRASE_BYTES];
	const struct user *u;
	bool fits;

	if (!mqtt_auth_has_users(a) || password.len >= sizeof(text))
		return false;
	if (password.len > 0 && memchr(password.data, '\0', password.len))
		return false;
	if (password.len > 0)
		memcpy(text, password.data, password.len);
	text[password.len] = '\0';
	/* Somebody who tries names must not learn from the time which of them exist. */
	u = find_user(a, user);
	fits = password_fits(u ? u->hash : a->users[0].hash, text);
	explicit_bzero(text, sizeof(text));
	return u && fits;
}

/* A name that would put a level or a wildcard of its own into a pattern gets nothing from it. */
static bool is_safe_in_pattern(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '+' || s.data[i] == '#' || s.data[i] == '/')
			return false;
	}
	return s.len > 0;
}

/* Replace %u and %c. False if the pattern is not for this client, or gets too long. */
static bool expand(struct span pattern, struct span user, struct span client_id,
    char text[MQTT_TOPIC_MAX], size_t *ret_len)
{
	size_t len = 0;

	for (size_t i = 0; i < pattern.len; i++) {
		struct span part = { .data = pattern.data + i, .len = 1 };
		uint8_t letter = i + 1 < pattern.len ? pattern.data[i + 1] : 0;

		if (pattern.data[i] == '%' && (letter == 'u' || letter == 'c')) {
			part = letter == 'u' ? user : client_id;
			if (!is_safe_in_pattern(part))
				return false;
			i++;
		}
		if (part.len > MQTT_TOPIC_MAX - len)
			return false;
		memcpy(text + len, part.data, part.len);
		len += part.len;
	}
	*ret_len = len;
	return true;
}

static bool rule_is_for(const struct rule *rule, struct span user)
{
	switch (rule->scope) {
	case RULE_ANONYMOUS:
		return user.len == 0;
	case RULE_USER:
		return span_equal(rule->user, user);
	case RULE_PATTERN:
		return true;
	}
	return false;
}

typedef bool topic_test(const char *filter, size_t filter_len, const char *topic, size_t topic_len);

/* Some rule for this client grants one of the kinds of access for the topic or filter. */
static bool granted(const struct mqtt_auth *a, unsigned access, topic_test *fits, struct span user,
    struct span client_id, struct span topic)
{
	char expanded[MQTT_TOPIC_MAX];

	for (size_t i = 0; i < a->rule_count; i++) {
		const struct rule *rule = &a->rules[i];
		const char *filter = (const char *)rule->filter.data;
		size_t len = rule->filter.len;

		if (!(rule->access & access) || !rule_is_for(rule, user))
			continue;
		if (rule->scope == RULE_PATTERN) {
			if (!expand(rule->filter, user, client_id, expanded, &len))
				continue;
			filter = expanded;
		}
		if (fits(filter, len, (const char *)topic.data, topic.len))
			return true;
	}
	return false;
}

static bool may(const struct mqtt_auth *a, unsigned access, struct span user, struct span client_id,
    struct span topic)
{
	if (!a || !a->acl)
		return true;
	return !granted(a, ACCESS_DENY, mqtt_topic_matches, user, client_id, topic) &&
	       granted(a, access, mqtt_topic_matches, user, client_id, topic);
}

bool mqtt_auth_may_read(
    const struct mqtt_auth *a, struct span user, struct span client_id, struct span topic)
{
	return may(a, ACCESS_READ, user, client_id, topic);
}

bool mqtt_auth_may_write(
    const struct mqtt_auth *a, struct span user, struct span client_id, struct span topic)
{
	return may(a, ACCESS_WRITE, user, client_id, topic);
}

bool mqtt_auth_may_subscribe(
    const struct mqtt_auth *a, struct span user, struct span client_id, struct span filter)
{
	if (!a || !a->acl)
		return true;
	return granted(a, ACCESS_READ, mqtt_topic_filters_overlap, user, client_id, filter);
}
