/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of a fuzz target without libFuzzer: runs each file named, and each file in each folder
 * named, once. A finding ends the process in the middle, its input being the last one named.
 *
 * usage: fuzz_X FILE-OR-FOLDER...
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX_BYTES (1024L * 1024)
#define PATH_BYTES      4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file in a block of exactly its size, so that the sanitizer sees a read beyond its end. */
static uint8_t *read_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");

	if (f && data && fread(data, 1, size, f) == size) {
		fclose(f);
		return data;
	}
	if (f)
		fclose(f);
	free(data);
	return NULL;
}

static int run_file(const char *path, off_t size)
{
	uint8_t *data;

	if (size > INPUT_MAX_BYTES)
		return -EFBIG;
	data = read_file(path, (size_t)size);
	if (!data)
		return -EIO;
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 0;
}

static int run_path(const char *path, unsigned *count);

static int run_folder(const char *path, unsigned *count)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	char inside[PATH_BYTES];
	int r = 0;

	if (!folder)
		return -errno;
	while (!r && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name) >=
		    sizeof(inside))
			r = -ENAMETOOLONG;
		else
			r = run_path(inside, count);
	}
	closedir(folder);
	return r;
}

static int run_path(const char *path, unsigned *count)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		return run_folder(path, count);
	else
		r = run_file(path, st.st_size);
	if (r)
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
	else
		(*count)++;
	return r;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++) {
		if (run_path(argv[i], &count))
			return EXIT_FAILURE;
	}
	printf("%u passed, 0 failed\n", count);
	return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
