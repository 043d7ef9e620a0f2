/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of a test's own below /tmp, and the files in it. There is one at a time; names are
 * relative to it. What cannot be made or read fails the test.
 */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <stddef.h>

/* Make the folder: a set-up of cmocka, whose state is left alone (and may be NULL). 0 or -1. */
int scratch_make(void **state);

/* Remove it and all that is in it: a tear-down. 0 or -1. */
int scratch_remove(void **state);

/* The same where the tests have to leave nothing behind: -1 if there is something. */
int scratch_remove_empty(void **state);

/* The whole path of a file, "" for the folder. Lives until the folder is removed. */
const char *scratch_path(const char *name);

/* Make the folders on the way to this one, and this one; there may be some already. */
void scratch_make_folders(const char *name);

/* Write a file anew, readable for its owner alone. Its folder is there. */
void scratch_write(const char *name, const char *text);
void scratch_write_bytes(const char *name, const void *bytes, size_t len);

#endif
