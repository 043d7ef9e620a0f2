/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the configuration file: one table a section, and the plain structs that a reader
 * fills by them.
 *
 * The tables know name, type, default, range or allowed words, and what has to be given. They do
 * not know what values mean together: that is for config_build. Everything else that speaks of keys
 * (reading, defaults, error messages, the test of conf/cmqttd.conf) goes by these tables.
 */
#ifndef CMQTTD_CONFIG_SCHEMA_H
#define CMQTTD_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where something stands; the file's name is borrowed from the configuration that is read. */
struct config_place {
	const char *file;
	unsigned line;
};

enum value_state {
	VALUE_ABSENT,  /* not there, and has no default */
	VALUE_DEFAULT, /* not there, the default of the table */
	VALUE_GIVEN,
	VALUE_WRONG, /* there, but wrong; already reported */
};

struct config_value {
	enum value_state state;
	struct config_place place; /* of the key; of its section when the key is not there */
	const char *text;          /* TEXT, SECRET, WORD */
	int64_t integer;           /* INTEGER, BYTES; WORD: which one */
	double seconds;
	bool flag;
};

/* The first member of each section struct. */
struct section_head {
	bool is_given;
	bool is_broken; /* something in it is wrong; already reported */
	struct config_place place;
};

/* A list of sections, each of the struct that its table describes. */
struct section_list {
	struct section_head head;
	void *items;
	size_t count;
};

struct modem_section {
	struct section_head head;
	struct config_value device, baud, flow_control;
	struct config_value apn, apn_user, apn_password, pdp_type;
	struct config_value roaming, operator, technology;
	struct config_value pin, pin_file, power_cycle;
};

struct tls_section {
	struct section_head head;
	struct config_value ca, cert, key;
	struct config_value verify, version, sni, check_time, context;
};

struct message_section {
	struct section_head head;
	struct config_value topic, payload, qos, retain;
};

struct reconnect_section {
	struct section_head head;
	struct config_value min, max;
};

struct topic_section {
	struct section_head head;
	struct config_value pattern, direction, qos;
	struct config_value local_prefix, remote_prefix;
	struct config_value priority, ttl, keep_last, retain;
};

struct broker_section {
	struct section_head head;
	struct config_value name, address, client_id, username, password, password_file;
	struct config_value keepalive, clean_session;
	struct tls_section tls;
	struct message_section will, birth;
	struct config_value gap_topic;
	struct reconnect_section reconnect;
	struct section_list topics; /* of struct topic_section */
};

struct listener_section {
	struct section_head head;
	struct config_value address, mode, group;
	struct config_value allow_anonymous, password_file, acl_file;
};

struct control_section {
	struct section_head head;
	struct config_value address, mode, group;
};

struct store_section {
	struct section_head head;
	struct config_value path, max_bytes, overflow, durability;
};

struct metrics_section {
	struct section_head head;
	struct config_value address, allow_remote;
};

struct log_section {
	struct section_head head;
	struct config_value level;
};

struct root_section {
	struct section_head head;
	struct modem_section modem;
	struct section_list brokers;   /* of struct broker_section */
	struct section_list listeners; /* of struct listener_section */
	struct control_section control;
	struct store_section store;
	struct metrics_section metrics;
	struct log_section log;
};

enum key_type {
	KEY_TEXT,
	KEY_SECRET,  /* a text that no message may show */
	KEY_INTEGER, /* min..max */
	KEY_SECONDS, /* a number with or without a point, min..max */
	KEY_BOOL,
	KEY_WORD, /* one of words; true and false may be among them, unquoted */
	KEY_GROUP,
	KEY_LIST, /* of groups, min..max of them */
};

struct config_key {
	const char *name;
	enum key_type type;
	unsigned offset; /* in the section struct, of a config_value, section or section_list */
	const char *fallback; /* the default as it would be written, without quotes; NULL: none */
	const char *needed;   /* what has to be written here; NULL: the key may be left out */
	double min, max;
	union {
		const char *words;                   /* WORD: "one|two" */
		const struct config_schema *section; /* GROUP, LIST */
	};
};

/* A section's table. */
struct config_schema {
	const struct config_key *keys; /* ends with a row without name */
	size_t size;                   /* of the section struct */
};

/* The whole file; fills a struct root_section. */
extern const struct config_schema config_schema_root;

/* The row of that name, NULL: none. */
const struct config_key *config_schema_find(const struct config_schema *schema, const char *name);

/* The row whose name needs the fewest edits to become `name`. Never NULL. */
const struct config_key *config_schema_nearest(
    const struct config_schema *schema, const char *name);

/* Number of the word in "one|two", -1: none of them. */
int config_schema_word(const char *words, const char *word);

#endif
