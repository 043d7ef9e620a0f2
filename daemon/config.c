/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "config_build.h"
#include "config_file.h"
#include "config_schema.h"
#include "config_text.h"

#include "base/words.h"
#include "bridge/config_check.h"

#include <errno.h>
#include <libconfig.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG_BYTES_MAX 1048576 /* of one file */
#define WORD_SHOWN_MAX   32
#define BYTE_ORDER_MARK  "\xef\xbb\xbf" /* which some editors put first; libconfig stumbles */
#define WORD_CHARS       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

struct reader {
	const char *path;
	const char *folder; /* of the file, absolute */
	struct arena *arena;
	struct config_report *report;
};

/* The name of the file, as far as possible. libconfig 1.5 tells an included file's name as it
 * stands in the @include, later ones with the folder in front. */
static const char *file_name(const struct reader *rd, const char *file)
{
	if (!file)
		return rd->path;
	if (file[0] != '/')
		file = arena_printf(rd->arena, "%s/%s", rd->folder, file);
	return file ? file : rd->path;
}

static struct config_place place_of(const struct reader *rd, const config_setting_t *setting)
{
	unsigned line = config_setting_source_line(setting);

	return (struct config_place){ .file = file_name(rd, config_setting_source_file(setting)),
		.line = line > 0 ? line : 1 };
}

static bool is_readable_by_all(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 && (st.st_mode & S_IROTH);
}

static void read_text(struct reader *rd, const struct config_key *key,
    const config_setting_t *setting, struct config_value *value)
{
	const char *text = config_setting_get_string(setting);

	if (!text) {
		config_report_mistake(
		    rd->report, &value->place, "\"%s\" must be a text in quotes", key->name);
		return;
	}
	value->text = arena_copy(rd->arena, text, strlen(text));
	if (!value->text)
		return;
	value->state = VALUE_GIVEN;
	if (key->type == KEY_SECRET && is_readable_by_all(value->place.file))
		config_report_warning(rd->report, &value->place,
		    "\"%s\" stands in a file that everybody may read", key->name);
}

static void read_integer(struct reader *rd, const struct config_key *key,
    const config_setting_t *setting, struct config_value *value)
{
	long long number;

	if (config_setting_type(setting) != CONFIG_TYPE_INT &&
	    config_setting_type(setting) != CONFIG_TYPE_INT64) {
		config_report_mistake(rd->report, &value->place,
		    "\"%s\" must be a whole number between %.0f and %.0f, without quotes",
		    key->name, key->min, key->max);
		return;
	}
	number = config_setting_type(setting) == CONFIG_TYPE_INT
		     ? config_setting_get_int(setting)
		     : config_setting_get_int64(setting);
	if ((double)number < key->min || (double)number > key->max) {
		config_report_mistake(rd->report, &value->place,
		    "\"%s\" must be between %.0f and %.0f, not %lld", key->name, key->min, key->max,
		    number);
		return;
	}
	value->integer = number;
	value->state = VALUE_GIVEN;
}

static void read_seconds(struct reader *rd, const struct config_key *key,
    const config_setting_t *setting, struct config_value *value)
{
	double number;

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
		number = config_setting_get_int(setting);
		break;
	case CONFIG_TYPE_INT64:
		number = (double)config_setting_get_int64(setting);
		break;
	case CONFIG_TYPE_FLOAT:
		number = config_setting_get_float(setting);
		break;
	default:
		config_report_mistake(rd->report, &value->place,
		    "\"%s\" must be a number of seconds between %g and %g, without quotes",
		    key->name, key->min, key->max);
		return;
	}
	if (!(number >= key->min && number <= key->max)) {
		config_report_mistake(rd->report, &value->place,
		    "\"%s\" must be between %g and %g seconds, not %g", key->name, key->min,
		    key->max, number);
		return;
	}
	value->seconds = number;
	value->state = VALUE_GIVEN;
}

static void read_bool(struct reader *rd, const struct config_key *key,
    const config_setting_t *setting, struct config_value *value)
{
	if (config_setting_type(setting) != CONFIG_TYPE_BOOL) {
		config_report_mistake(rd->report, &value->place,
		    "\"%s\" must be true or false, without quotes", key->name);
		return;
	}
	value->flag = config_setting_get_bool(setting);
	value->state = VALUE_GIVEN;
}

/* "one", "two" or "three", for a message. */
static const char *list_words(struct reader *rd, const char *words)
{
	const char *list = "", *next;

	for (const char *word = words; word; word = next) {
		const char *bar = strchr(word, '|');
		size_t len = bar ? (size_t)(bar - word) : strlen(word);
		const char *glue = word == words ? "" : bar ? ", " : " or ";

		list = arena_printf(rd->arena, "%s%s\"%.*s\"", list, glue, (int)len, word);
		if (!list)
			return "";
		next = bar ? bar + 1 : NULL;
	}
	return list;
}

/* What stands there, for a message; "" when it is no word that one would recognise. */
static const char *not_this(struct reader *rd, const char *word)
{
	const char *text = "";

	if (word && word[strspn(word, WORD_CHARS)] == '\0')
		text = arena_printf(rd->arena, ", not \"%.*s\"", WORD_SHOWN_MAX, word);
	return text ? text : "";
}

static void read_word(struct reader *rd, const struct config_key *key,
    const config_setting_t *setting, struct config_value *value)
{
	const char *word = config_setting_get_string(setting);
	int number = -1;

	if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
		word = config_setting_get_bool(setting) ? "true" : "false";
	if (word)
		number = config_schema_word(key->words, word);
	if (number < 0) {
		config_report_mistake(rd->report, &value->place, "\"%s\" must be %s%s", key->name,
		    list_words(rd, key->words), not_this(rd, word));
		return;
	}
	value->integer = number;
	value->text = arena_copy(rd->arena, word, strlen(word));
	value->state = VALUE_GIVEN;
}

static void read_value(struct reader *rd, const struct config_key *key,
    const config_setting_t *setting, struct config_value *value)
{
	value->state = VALUE_WRONG;
	value->place = place_of(rd, setting);
	switch (key->type) {
	case KEY_TEXT:
	case KEY_SECRET:
		read_text(rd, key, setting, value);
		break;
	case KEY_INTEGER:
		read_integer(rd, key, setting, value);
		break;
	case KEY_SECONDS:
		read_seconds(rd, key, setting, value);
		break;
	case KEY_BOOL:
		read_bool(rd, key, setting, value);
		break;
	case KEY_WORD:
		read_word(rd, key, setting, value);
		break;
	case KEY_GROUP:
	case KEY_LIST:
		break;
	}
}

/* The defaults in the tables are ours: they are right. */
static void use_default(
    const struct config_key *key, const struct config_place *place, struct config_value *value)
{
	value->place = *place;
	if (!key->fallback)
		return;
	value->state = VALUE_DEFAULT;
	value->text = key->fallback;
	if (key->type == KEY_INTEGER)
		value->integer = strtoll(key->fallback, NULL, 10);
	else if (key->type == KEY_SECONDS)
		value->seconds = strtod(key->fallback, NULL);
	else if (key->type == KEY_BOOL)
		value->flag = strcmp(key->fallback, "true") == 0;
	else if (key->type == KEY_WORD)
		value->integer = config_schema_word(key->words, key->fallback);
}

/* Defaults for all that is not there; what is missing and required, if the section itself is. */
static void complete_section(struct reader *rd, const struct config_schema *schema, char *section)
{
	const struct section_head *head = (const struct section_head *)section;

	for (const struct config_key *key = schema->keys; key->name; key++) {
		struct section_head *part = (struct section_head *)(section + key->offset);
		struct config_value *value = (struct config_value *)(section + key->offset);
		bool is_section = key->type == KEY_GROUP || key->type == KEY_LIST;

		if (is_section ? part->is_given : value->state != VALUE_ABSENT)
			continue;
		if (key->needed && head->is_given)
			config_report_mistake(rd->report, &head->place,
			    "\"%s\" is missing: it must be %s", key->name, key->needed);
		if (!is_section)
			use_default(key, &head->place, value);
		else
			part->place = head->place;
		if (key->type == KEY_GROUP)
			complete_section(rd, key->section, section + key->offset);
	}
}

static void read_section(struct reader *rd, const config_setting_t *setting,
    const struct config_schema *schema, char *section);

static void read_list(struct reader *rd, const struct config_key *key,
    const config_setting_t *setting, struct section_list *list)
{
	int length = config_setting_length(setting);
	char *items;

	list->head = (struct section_head){ .is_given = true, .place = place_of(rd, setting) };
	if (config_setting_type(setting) != CONFIG_TYPE_LIST) {
		config_report_mistake(rd->report, &list->head.place,
		    "\"%s\" must be a list of groups: ( { ... } )", key->name);
		return;
	}
	if (length < key->min || length > key->max) {
		config_report_mistake(rd->report, &list->head.place,
		    "\"%s\" must have %.0f to %.0f entries, not %d", key->name, key->min, key->max,
		    length);
		return;
	}
	items = arena_alloc(rd->arena, (size_t)length * key->section->size);
	if (!items)
		return;
	list->items = items;
	list->count = (size_t)length;
	for (int i = 0; i < length; i++)
		read_section(rd, config_setting_get_elem(setting, (unsigned)i), key->section,
		    items + (size_t)i * key->section->size);
}

/* The key that was meant, if one is near enough, or all that may stand here. */
static void report_unknown(struct reader *rd, const struct config_schema *schema, const char *name,
    const struct config_place *place)
{
	const char *nearest = config_schema_nearest(schema, name)->name, *list = "";

	if (words_distance(name, nearest) <= strlen(name) / 2) {
		config_report_mistake(rd->report, place,
		    "unknown key \"%s\"; the nearest known one is \"%s\"", name, nearest);
		return;
	}
	for (const struct config_key *key = schema->keys; key->name && list; key++)
		list = arena_printf(rd->arena, "%s%s%s", list, *list ? ", " : "", key->name);
	config_report_mistake(
	    rd->report, place, "unknown key \"%s\"; known here: %s", name, list ? list : "");
}

static void read_key(struct reader *rd, const config_setting_t *setting,
    const struct config_schema *schema, char *section)
{
	const char *name = config_setting_name(setting);
	const struct config_key *key = config_schema_find(schema, name);
	struct config_place place = place_of(rd, setting);
	char *target;

	if (!key) {
		report_unknown(rd, schema, name, &place);
		return;
	}
	target = section + key->offset;
	if (key->type == KEY_GROUP)
		read_section(rd, setting, key->section, target);
	else if (key->type == KEY_LIST)
		read_list(rd, key, setting, (struct section_list *)target);
	else
		read_value(rd, key, setting, (struct config_value *)target);
}

static void read_section(struct reader *rd, const config_setting_t *setting,
    const struct config_schema *schema, char *section)
{
	struct section_head *head = (struct section_head *)section;
	size_t mistakes = rd->report->mistakes;

	*head = (struct section_head){ .place = place_of(rd, setting), .is_broken = true };
	if (config_setting_type(setting) != CONFIG_TYPE_GROUP) {
		const char *name = config_setting_name(setting);

		config_report_mistake(rd->report, &head->place, "%s%s%s must be a group: { ... }",
		    name ? "\"" : "", name ? name : "an entry", name ? "\"" : "");
		return;
	}
	head->is_given = true;
	for (int i = 0; i < config_setting_length(setting); i++)
		read_key(rd, config_setting_get_elem(setting, (unsigned)i), schema, section);
	complete_section(rd, schema, section);
	head->is_broken = rd->report->mistakes > mistakes;
}

static void check_includes(struct reader *rd, const config_t *file)
{
	struct span text;

	for (unsigned i = 0; i < file->num_filenames; i++) {
		const char *name = file_name(rd, file->filenames[i]);

		if (config_file_read(rd->arena, name, CONFIG_BYTES_MAX, &text) == 0)
			config_text_check(rd->report, name, text);
	}
}

/* libconfig's own words, and what to do. */
static const char *syntax_remedy(const char *text)
{
	static const struct {
		const char *text, *remedy;
	} rows[] = {
		{ "syntax error",
		    ": a ; or = or a quote or bracket is missing here or just above" },
		{ "duplicate setting name", ": the key stands twice in its section; leave one" },
		{ "cannot open include file",
		    ": a relative name is looked for beside the configuration" },
		{ "mismatched element type in array", ": [ ] has values of one type only" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].text, text) == 0)
			return rows[i].remedy;
	}
	return "";
}

static void report_syntax(struct reader *rd, const config_t *file)
{
	struct config_place place = { .file = file_name(rd, config_error_file(file)),
		.line = (unsigned)config_error_line(file) };

	config_report_mistake(rd->report, &place, "%s%s", config_error_text(file),
	    syntax_remedy(config_error_text(file)));
}

/* What is on the disk into config->core; mistakes into the report. */
static void read_file(struct reader *rd, const config_t *file, struct config *config)
{
	struct root_section *root = arena_alloc(rd->arena, config_schema_root.size);

	if (!root)
		return;
	check_includes(rd, file);
	read_section(rd, config_root_setting(file), &config_schema_root, (char *)root);
	config_build(config, root, rd->path, rd->report);
}

static const char *absolute_folder(struct arena *a, const char *path)
{
	const char *folder = config_file_folder(a, path);
	char absolute[PATH_MAX];

	return folder && realpath(folder, absolute) ? arena_copy(a, absolute, strlen(absolute))
						    : folder;
}

static void load(struct reader *rd, struct config *config)
{
	struct config_place place = { .file = rd->path };
	struct span text;
	config_t file;
	int r = config_file_read(rd->arena, rd->path, CONFIG_BYTES_MAX, &text);

	rd->folder = absolute_folder(rd->arena, rd->path);
	if (!rd->folder)
		return;
	if (r < 0) {
		config_report_mistake(rd->report, &place, "cannot be read: %s", strerror(-r));
		return;
	}
	config_text_check(rd->report, rd->path, text);
	if (span_begins_with(text, BYTE_ORDER_MARK))
		text.data += strlen(BYTE_ORDER_MARK);
	config_init(&file);
	config_set_include_dir(&file, rd->folder);
	if (config_read_string(&file, (const char *)text.data))
		read_file(rd, &file, config);
	else
		report_syntax(rd, &file);
	config_destroy(&file);
}

int config_load(const char *path, struct config_report *report, struct config **ret)
{
	struct config *config = calloc(1, sizeof(*config));
	struct reader rd = { .path = path, .report = report };
	size_t mistakes = report->mistakes;

	if (!config)
		return -ENOMEM;
	arena_init(&config->arena);
	rd.arena = &config->arena;
	load(&rd, config);
	config_report_sort(report);
	if (config->arena.is_short || report->mistakes > mistakes) {
		int r = config->arena.is_short ? -ENOMEM : -EINVAL;

		config_free(config);
		return r;
	}
	*ret = config;
	return 0;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++)
		mqtt_auth_free(config->auths[i]);
	arena_fini(&config->arena);
	free(config);
}
