/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the store and their views for people, as cmqttd(8) describes them.
 */
#ifndef CMQTTD_STORE_SCHEMA_H
#define CMQTTD_STORE_SCHEMA_H

#include "store_db.h"

/* Make the tables in an empty database. Errors as store_db_run. */
int store_schema_make(struct store_db *d);

#endif
