/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_completion.h"

#include "ctl_commands.h"
#include "ctl_usage.h"

#include <stdbool.h>
#include <string.h>

/* What may fill a hole, as each shell finds it; NULL: nothing is offered. */
static const struct {
	const char *hole;
	const char *bash; /* commands that set `words`, or `files=yes` */
	const char *zsh;  /* action of _arguments */
} sources[] = {
	{ "COMMAND", "words=$commands", "_describe -t commands command commands" },
	{ "FILE", "files=yes", "_files" },
	{ "LEVEL", "words='error warning info debug'", "(error warning info debug)" },
	{ "NAME", "words=$(_cmqttctl_brokers)", "_cmqttctl_brokers" },
	{ "PATH", "files=yes", "_files" },
	{ "QOS", "words='0 1 2'", "(0 1 2)" },
	{ "SHELL", "words='bash zsh'", "(bash zsh)" },
};

static size_t find_source(const struct ctl_hole *hole)
{
	size_t i = 0;

	while (i < sizeof(sources) / sizeof(sources[0]) &&
	       (!hole || strcmp(sources[i].hole, hole->name) != 0))
		i++;
	return i;
}

static const char *bash_source(const struct ctl_hole *hole)
{
	size_t i = find_source(hole);

	return i < sizeof(sources) / sizeof(sources[0]) ? sources[i].bash : NULL;
}

static const char *zsh_source(const struct ctl_hole *hole)
{
	size_t i = find_source(hole);

	return i < sizeof(sources) / sizeof(sources[0]) ? sources[i].zsh : " ";
}

static bool is_first_of_its_word(const struct ctl_command *c)
{
	size_t len = strcspn(c->name, " ");

	return c == ctl_commands || strncmp(c[-1].name, c->name, len) != 0 ||
	       (c[-1].name[len] != ' ' && c[-1].name[len] != '\0');
}

static int word_len(const struct ctl_command *c)
{
	return (int)strcspn(c->name, " ");
}

/* ---- bash ---- */

static void bash_words(FILE *out)
{
	fputs("\tlocal commands='", out);
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (is_first_of_its_word(c))
			fprintf(out, "%s%.*s", c == ctl_commands ? "" : " ", word_len(c), c->name);
	}
	fputs("'\n", out);
}

/* "'publish '*" or "'queue list'"; the first one of two words may also stand alone: "'queue '". */
static void bash_pattern(FILE *out, const struct ctl_command *c, bool is_alone)
{
	if (is_alone)
		fprintf(out, "'%.*s '", word_len(c), c->name);
	else
		fprintf(out, strchr(c->name, ' ') ? "'%s'" : "'%s '*", c->name);
}

static void bash_value(FILE *out, const struct ctl_command *c, bool is_alone)
{
	struct ctl_usage u = { 0 };

	ctl_usage_add(&u, c->usage);
	for (size_t i = 0; i < u.count; i++) {
		const char *source = bash_source(u.items[i].hole);

		if (!u.items[i].flag || !u.items[i].hole)
			continue;
		fputc('\t', out);
		bash_pattern(out, c, is_alone);
		fprintf(out, "'|%.*s') %s ;;\n", (int)u.items[i].flag_len, u.items[i].flag,
		    source ? source : "return");
	}
}

/* What may stand at a place, and the options. */
static void bash_places(
    FILE *out, const struct ctl_command *c, bool is_alone, const char *second_words)
{
	struct ctl_usage u = { 0 };
	bool has_options = second_words[0] != '\0';

	ctl_usage_add(&u, c->usage);
	fputs("\t\t", out);
	bash_pattern(out, c, is_alone);
	fputs(")", out);
	for (size_t i = 0; i < u.count; i++) {
		const struct ctl_usage_item *item = &u.items[i];

		has_options = has_options || item->flag;
		if (!item->flag && bash_source(item->hole))
			fprintf(out, " %s;", bash_source(item->hole));
		/* Where a name may be left out it is not one of a broker alone: "history". */
		if (!item->flag && !item->is_required && strcmp(item->hole->name, "NAME") == 0)
			fputs(" words+=' modem';", out);
	}
	if (has_options)
		fprintf(out, " words+=' %s", second_words);
	for (size_t i = 0; i < u.count; i++) {
		if (u.items[i].flag)
			fprintf(out, " %.*s", (int)u.items[i].flag_len, u.items[i].flag);
	}
	fputs(has_options ? "' ;;\n" : " ;;\n", out);
}

/* Second words of the commands that begin with the same one: "list show". */
static void bash_second_words(const struct ctl_command *first, char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (const struct ctl_command *c = first; c->name; c++) {
		const char *blank = strchr(c->name, ' ');

		if (c != first && is_first_of_its_word(c))
			return;
		if (blank && len < size)
			len += (size_t)snprintf(
			    ret + len, size - len, "%s%s", len > 0 ? " " : "", blank + 1);
	}
}

static bool may_be_alone(const struct ctl_command *c)
{
	return strchr(c->name, ' ') && is_first_of_its_word(c);
}

static void bash_cases(FILE *out)
{
	char words[128];

	fputs("\tcase \"$first $second|$prev\" in\n"
	      "\t*'|-S') files=yes ;;\n",
	    out);
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		bash_value(out, c, false);
		if (may_be_alone(c))
			bash_value(out, c, true);
	}
	fputs("\t*)\n"
	      "\t\tcase \"$first $second\" in\n"
	      "\t\t' ') words=$commands ;;\n",
	    out);
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		bash_places(out, c, false, "");
		if (!may_be_alone(c))
			continue;
		bash_second_words(c, words, sizeof(words));
		bash_places(out, c, true, words);
	}
	fputs("\t\tesac\n"
	      "\t\twords+=\" $everywhere\" ;;\n"
	      "\tesac\n",
	    out);
}

static void bash_everywhere(FILE *out)
{
	struct ctl_usage u = { 0 };

	ctl_usage_add(&u, ctl_global_usage);
	fputs("\tlocal everywhere='", out);
	for (size_t i = 0; i < u.count; i++)
		fprintf(out, "%s%.*s", i > 0 ? " " : "", (int)u.items[i].flag_len, u.items[i].flag);
	fputs("'\n", out);
}

void ctl_completion_bash(FILE *out)
{
	fputs("# bash completion for cmqttctl; made by: cmqttctl completion bash\n\n"
	      "_cmqttctl_brokers()\n{\n"
	      "\tcmqttctl ${socket:+-S \"$socket\"} brokers 2> /dev/null | awk 'NR > 1 { print $1 "
	      "}'\n"
	      "}\n\n"
	      "_cmqttctl()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal words='' files='' socket='' first='' second='' i\n",
	    out);
	bash_words(out);
	bash_everywhere(out);
	fputs("\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t-S) socket=${COMP_WORDS[++i]} ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) if [[ ! $first ]]; then first=${COMP_WORDS[i]};"
	      " elif [[ ! $second ]]; then second=${COMP_WORDS[i]}; fi ;;\n"
	      "\t\tesac\n"
	      "\tdone\n\n",
	    out);
	bash_cases(out);
	fputs("\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "\tif [[ $files ]]; then\n"
	      "\t\tcompopt -o filenames 2> /dev/null\n"
	      "\t\tmapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$cur\")\n"
	      "\tfi\n"
	      "}\n\n"
	      "complete -F _cmqttctl cmqttctl\n",
	    out);
}

/* ---- zsh ---- */

/* Text inside single quotes, in a specification of _arguments. */
static void zsh_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else if (strchr(":[]\\", *text))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void zsh_item(FILE *out, const struct ctl_usage_item *item)
{
	fputs(" \\\n\t\t\t'", out);
	if (item->flag)
		fprintf(out, "%.*s", (int)item->flag_len, item->flag);
	if (item->flag && item->hole) {
		fputs("[", out);
		zsh_text(out, item->hole->what);
		fputs("]", out);
	}
	if (item->hole) {
		fputs(item->flag || item->is_required ? ":" : "::", out);
		zsh_text(out, item->hole->what);
		fprintf(out, ":%s", zsh_source(item->hole));
	}
	fputs("'", out);
}

static void zsh_arguments(FILE *out, const char *usage)
{
	struct ctl_usage u = { 0 };

	ctl_usage_add(&u, usage);
	fputs("\t\t_arguments $everywhere", out);
	for (size_t i = 0; i < u.count; i++)
		zsh_item(out, &u.items[i]);
	fputs(" ;;\n", out);
}

static void zsh_everywhere(FILE *out)
{
	struct ctl_usage u = { 0 };

	ctl_usage_add(&u, ctl_global_usage);
	fputs("\tlocal -a everywhere=(", out);
	for (size_t i = 0; i < u.count; i++)
		zsh_item(out, &u.items[i]);
	fputs("\n\t)\n", out);
}

static void zsh_describe(FILE *out, const char *name, const char *summary)
{
	fprintf(out, "\t\t'%s:", name);
	zsh_text(out, summary);
	fputs("'\n", out);
}

static void zsh_lists(FILE *out)
{
	fputs("\tlocal -a commands=(\n", out);
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		char word[64];

		snprintf(word, sizeof(word), "%.*s", word_len(c), c->name);
		if (is_first_of_its_word(c))
			zsh_describe(out, word, c->summary);
	}
	fputs("\t)\n", out);
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (!strchr(c->name, ' '))
			continue;
		if (is_first_of_its_word(c))
			fprintf(out, "\tlocal -a %.*s_words=(\n", word_len(c), c->name);
		zsh_describe(out, strchr(c->name, ' ') + 1, c->summary);
		if (!c[1].name || is_first_of_its_word(c + 1))
			fputs("\t)\n", out);
	}
}

static void zsh_commands(FILE *out)
{
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (!strchr(c->name, ' ')) {
			fprintf(out, "\t%s)\n", c->name);
			zsh_arguments(out, c->usage);
			continue;
		}
		if (is_first_of_its_word(c))
			fprintf(out,
			    "\t%.*s)\n"
			    "\t\tif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
			    "\t\t\t_describe -t commands command %.*s_words\n"
			    "\t\t\treturn\n"
			    "\t\tfi\n"
			    "\t\tcase $words[2] in\n",
			    word_len(c), c->name, word_len(c), c->name);
		fprintf(
		    out, "\t\t%s)\n\t\t(( CURRENT-- )); shift words\n", strchr(c->name, ' ') + 1);
		zsh_arguments(out, c->usage);
		if (!c[1].name || is_first_of_its_word(c + 1))
			fputs("\t\t*) _arguments $everywhere '-b:broker:_cmqttctl_brokers' "
			      ";;\n\t\tesac ;;\n",
			    out);
	}
}

void ctl_completion_zsh(FILE *out)
{
	fputs("#compdef cmqttctl\n"
	      "# zsh completion for cmqttctl; made by: cmqttctl completion zsh\n\n"
	      "_cmqttctl_brokers() {\n"
	      "\tlocal -a names=(${(f)\"$(cmqttctl brokers 2> /dev/null | awk 'NR > 1 { print $1 "
	      "}')\"}"
	      " modem)\n"
	      "\t_describe -t brokers broker names\n"
	      "}\n\n"
	      "_cmqttctl() {\n"
	      "\tlocal curcontext=$curcontext state line\n"
	      "\tlocal -A opt_args\n",
	    out);
	zsh_everywhere(out);
	zsh_lists(out);
	fputs("\n\t_arguments -C $everywhere '1: :->command' '*:: :->arguments'\n"
	      "\tif [[ $state == command ]]; then\n"
	      "\t\t_describe -t commands command commands\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\t[[ $state == arguments ]] || return\n"
	      "\tcase $words[1] in\n",
	    out);
	zsh_commands(out);
	fputs("\tesac\n}\n\n_cmqttctl \"$@\"\n", out);
}

int ctl_completion_run(const struct ctl_env *env)
{
	if (strcmp(ctl_usage_get(env->usage, "SHELL"), "bash") == 0)
		ctl_completion_bash(env->style.out);
	else
		ctl_completion_zsh(env->style.out);
	return 0;
}
