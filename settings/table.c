/*
 * table.c - every setting: its name, values, default and meaning.
 *
 * SPDX-License-Identifier: ISC
 */
#include "settings/table.h"

#include <string.h>

#include "base/suggest.h"

#define SETTING_ROW(type, member, name, take, values, fallback, without, about) \
	{ name, setting_take_##take, offsetof(struct settings, member), \
	    _Generic(((struct settings *)0)->member, char *: true, default: false), \
	    values, fallback, without, about },

const struct setting settings_table[SETTING_COUNT] = { SETTINGS(SETTING_ROW) };

const struct setting *
setting_find(const char *name)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (strcmp(settings_table[i].name, name) == 0)
			return &settings_table[i];
	return NULL;
}

const char *
setting_suggest(const char *name)
{
	const char *names[SETTING_COUNT];

	for (size_t i = 0; i < SETTING_COUNT; i++)
		names[i] = settings_table[i].name;
	return suggest_word(name, strlen(name), names, SETTING_COUNT);
}

void
settings_describe(FILE *out)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = &settings_table[i];

		(void)fprintf(out, "%s %s\n    %s\n    default: %s\n", setting->name,
		    setting->values, setting->about,
		    setting->fallback != NULL ? setting->fallback : setting->without);
	}
}
