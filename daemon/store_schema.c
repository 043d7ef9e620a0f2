/* SPDX-License-Identifier: Apache-2.0 */
#include "store_schema.h"

#include <stdio.h>

/* STORE_SEQ_BITS and STORE_PRIORITY_BITS, as SQL has them. */
#define SEQ(id)      "(" id " & 0xffffffffffff)"
#define PRIORITY(id) "(7 - (" id " >> 48 & 7))"
#define QUEUE(id)    "(" id " >> 51)"

/* Of both tables of messages. */
static const char columns[] = "id INTEGER PRIMARY KEY,"
			      "topic TEXT NOT NULL,"
			      "properties BLOB," /* of MQTT 5; NULL: none */
			      "payload BLOB,"    /* NULL: in body, shared with other queues */
			      "qos INTEGER NOT NULL,"
			      "retain INTEGER NOT NULL,"
			      "keep_last INTEGER NOT NULL,"
			      "state INTEGER NOT NULL," /* enum store_state */
			      "packet_id INTEGER NOT NULL,"
			      "tries INTEGER NOT NULL,"
			      "accepted_ms INTEGER NOT NULL,"
			      "expires_ms INTEGER NOT NULL";

/* The same for people. */
#define TIME(column) "datetime(m." column " / 1000, 'unixepoch')"
static const char viewed[] =
    /* clang-format off */
    "q.name AS queue, " PRIORITY("m.id") " AS priority, " SEQ("m.id") " AS number, m.topic,"
    " length(coalesce(m.payload, b.payload)) AS bytes, m.qos, m.retain,"
    " CASE m.state WHEN 1 THEN 'maybe sent' WHEN 2 THEN 'released' END AS state,"
    " nullif(m.packet_id, 0) AS packet_id, m.tries, " TIME("accepted_ms") " AS accepted,"
    " iif(m.expires_ms, " TIME("expires_ms") ", NULL) AS expires";

/* With its queue's name, and the body that may be shared. */
static const char joined[] =
    "AS m LEFT JOIN queue AS q ON q.id = " QUEUE("m.id")
    " LEFT JOIN body AS b ON m.payload IS NULL AND b.seq = " SEQ("m.id") " WHERE";

/* %1$s: columns; %2$s: viewed; %3$s: joined */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE queue(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE waiting(%1$s);"
    "CREATE INDEX waiting_keep_last ON waiting(topic) WHERE keep_last = 1;"
    "CREATE TABLE dead(%1$s, reason TEXT NOT NULL);"
    "CREATE TABLE note(queue INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(queue, kind, key)) WITHOUT ROWID;"
    "CREATE TABLE body(seq INTEGER PRIMARY KEY, refs INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE VIEW messages AS SELECT %2$s FROM waiting %3$s q.name IS NOT '$retained';"
    "CREATE VIEW dead_letters AS SELECT %2$s, m.reason FROM dead %3$s 1;"
    "CREATE VIEW retained AS SELECT " SEQ("m.id") " AS number, m.topic,"
    " coalesce(m.payload, b.payload) AS payload, m.qos, " TIME("accepted_ms") " AS accepted"
    " FROM waiting %3$s q.name = '$retained';"
    "CREATE VIEW sessions AS SELECT substr(q.name, 8) AS client,"
    " (SELECT count(*) FROM waiting WHERE id BETWEEN q.id << 51 AND ((q.id + 1) << 51) - 1)"
    " AS messages,"
    " (SELECT count(*) FROM note WHERE queue = q.id AND kind = 1) AS subscriptions,"
    " (SELECT count(*) FROM note WHERE queue = q.id AND kind = 2) AS received,"
    " (SELECT group_concat(key || '=' || value, ' ') FROM note WHERE queue = q.id AND kind = 0)"
    " AS properties FROM queue AS q WHERE q.name GLOB 'client:*';"
    "CREATE VIEW subscriptions AS SELECT substr(q.name, 8) AS client, n.key AS filter,"
    " n.value AS options FROM queue AS q JOIN note AS n ON n.queue = q.id"
    " WHERE q.name GLOB 'client:*' AND n.kind = 1;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('last_seq', 0);"
    "PRAGMA application_id=" STORE_STR(STORE_APPLICATION_ID) ";"
    "PRAGMA user_version=" STORE_STR(STORE_SCHEMA_VERSION) ";"
    "COMMIT;";
/* clang-format on */

int store_schema_make(struct store_db *d)
{
	char text[sizeof(schema) + 2 * sizeof(columns) + 2 * sizeof(viewed) + 3 * sizeof(joined)];

	snprintf(text, sizeof(text), schema, columns, viewed, joined);
	return store_db_exec(d, text);
}
