/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that shells get are what the table of commands makes, and have all of it.
 */
#include "../../daemon/ctl_commands.h"
#include "../../daemon/ctl_completion.h"
#include "source_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *path;
	void (*make)(FILE *out);
	const char *shell;
} shells[] = {
	{ "conf/completion/bash/cmqttctl", ctl_completion_bash, "bash" },
	{ "conf/completion/zsh/_cmqttctl", ctl_completion_zsh, "zsh" },
};

#define SHELLS (sizeof(shells) / sizeof(shells[0]))

static char *made(void (*make)(FILE *out))
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	make(out);
	fclose(out);
	return text;
}

static void test_installed(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHELLS; i++) {
		char *text = made(shells[i].make);

		if (strcmp(text, source_file_read(shells[i].path)) != 0)
			fail_msg("make it anew: cmqttctl completion %s > %s", shells[i].shell,
			    shells[i].path);
		free(text);
	}
}

/* The word stands in the text with nothing of a word around it. */
static bool has_word(const char *text, const char *word, size_t len)
{
	static const char of_words[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = text;

	while ((at = strstr(at, word))) {
		if ((at == text || !strchr(of_words, at[-1])) && !strchr(of_words, at[len]))
			return true;
		at++;
	}
	return false;
}

/* Every command, second word and option. */
static void test_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHELLS; i++) {
		char *text = made(shells[i].make);

		for (const struct ctl_command *c = ctl_commands; c->name; c++) {
			struct ctl_usage u = { 0 };
			char words[64], *rest;

			snprintf(words, sizeof(words), "%s", c->name);
			for (char *w = strtok_r(words, " ", &rest); w;
			     w = strtok_r(NULL, " ", &rest))
				assert_true(has_word(text, w, strlen(w)));
			ctl_usage_add(&u, ctl_global_usage);
			ctl_usage_add(&u, c->usage);
			for (size_t k = 0; k < u.count; k++) {
				char flag[32];

				if (!u.items[k].flag)
					continue;
				snprintf(flag, sizeof(flag), "%.*s", (int)u.items[k].flag_len,
				    u.items[k].flag);
				print_message("%s: %s %s\n", shells[i].shell, c->name, flag);
				assert_true(has_word(text, flag, strlen(flag)));
			}
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_installed),
		cmocka_unit_test(test_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
