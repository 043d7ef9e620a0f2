/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the source tree, for tests that compare them with the code.
 */
#ifndef TESTS_UNIT_SOURCE_FILE_H
#define TESTS_UNIT_SOURCE_FILE_H

/* The text of a file, named from the top of the tree ($top_srcdir, or this folder). It may be
 * changed, and lives until the next call; a file that cannot be read fails the test. */
char *source_file_read(const char *name);

#endif
