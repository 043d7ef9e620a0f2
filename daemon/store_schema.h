/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the store and their views for people, as cmqttd(8) describes them, and how the
 * tables of version 1 become those.
 */
#ifndef CMQTTD_STORE_SCHEMA_H
#define CMQTTD_STORE_SCHEMA_H

#include "store_db.h"

/* Make the tables in an empty database. Errors as store_db_run. */
int store_schema_make(struct store_db *d);

/* Bring a store of version 1 to this version: all of it, or after an error nothing once the
 * database is closed. Errors as store_db_run. */
int store_schema_from_1(struct store_db *d);

#endif
