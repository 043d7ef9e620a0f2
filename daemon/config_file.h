/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a configuration names: where a relative name is looked up, and bounded reading.
 */
#ifndef CMQTTD_CONFIG_FILE_H
#define CMQTTD_CONFIG_FILE_H

#include "arena.h"
#include "base/buf.h"

#include <stddef.h>

/* Where `name` is: an absolute name as it is; a relative one in $CREDENTIALS_DIRECTORY, as itself
 * or as cmqttd_NAME, then in the folder of the file `beside`, then in the folder credentials there.
 * One that is nowhere is in the folder of `beside`. Owned by the arena; NULL: no memory. */
const char *config_file_find(struct arena *a, const char *beside, const char *name);

/* The folder of a file, "." when its name has none. Owned by the arena; NULL: no memory. */
const char *config_file_folder(struct arena *a, const char *file);

/* All of a regular file of at most max_bytes, with a NUL behind; owned by the arena. 0; -EFBIG;
 * -EISDIR or -EINVAL: no regular file; errors of open(2) and read(2); -ENOMEM. */
int config_file_read(struct arena *a, const char *path, size_t max_bytes, struct span *ret);

#endif
