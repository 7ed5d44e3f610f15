/*
 * doctor_pf.h - one instance of Postfix as tlsward doctor sees it.
 *
 * What is in force is postconf's to say, of main.cf and for each service of master.cf;
 * where it stands is looked up in these two files. See postconf(1), postconf(5),
 * master(5). Used by one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DOCTOR_PF_H
#define TLSWARD_TOOL_DOCTOR_PF_H

#include <stdbool.h>
#include <stddef.h>

#include "tool/doctor.h"
#include "base/buffer.h"
#include "base/file.h"

#define PF_PATH_MAX 4096

/* Who comes to a service that speaks SMTP. */
enum pf_side {
	PF_OTHER,		/* it is no smtpd, or nothing reaches it */
	PF_OUTSIDE,		/* hosts of the network */
	PF_INSIDE,		/* this host alone */
	PF_BACK			/* what comes back from a content filter */
};

struct pf_service {
	char *name;		/* malloc'd; the type is behind it */
	const char *type, *command;
	bool chroot;
	enum pf_side side;
};

struct pf_pair {
	const char *name, *value;
};

struct pf_table {
	char *text;		/* malloc'd: what the pairs point into */
	struct pf_pair *pairs;
	size_t count, room;
};

struct pf {
	struct doctor *doctor;
	const char *folder;		/* of main.cf and master.cf */
	bool several;			/* there are others: say which one it is */
	unsigned version;		/* 307 of 3.7.11 */
	struct pf_table parameters;	/* of main.cf, and defaults */
	struct pf_table own;		/* "smtp/inet/NAME": those of -o in master.cf */
	struct pf_table fields;		/* "smtp/inet/chroot" */
	struct pf_service *services;
	size_t service_count, service_room;
	char main_path[PF_PATH_MAX], master_path[PF_PATH_MAX];
	struct file main, master;
	bool filtered;			/* a content filter is in use */
};

/* Reads an instance. False, having said why, where that cannot be done. pf_close() it. */
bool pf_open(struct pf *pf, struct doctor *doctor, const char *folder, bool several);
void pf_close(struct pf *pf);

/* The value in force: a service's or, where that is NULL, main.cf's; "": none. */
const char *pf_get(const struct pf *pf, const struct pf_service *service,
    const char *name);
bool pf_is(const struct pf *pf, const struct pf_service *service, const char *name,
    const char *value);

/* The service if it has a value of its own; NULL: it is main.cf's. */
const struct pf_service *pf_owner(const struct pf *pf, const struct pf_service *service,
    const char *name);

/* doctor_say(), with what tells the instance and the service, where there is one. */
void pf_say(const struct pf *pf, const struct pf_service *service, enum doctor_level level,
    const char *id, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* doctor_fix(): what the parameter should say, where it stands now or is to be added. */
void pf_fix(const struct pf *pf, const struct pf_service *service, const char *name,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The service of that name and type; NULL: there is none. */
const struct pf_service *pf_find(const struct pf *pf, const char *name, const char *type);

/* Whether it is on port 25, or takes from what is. */
bool pf_is_smtp(const struct pf_service *service);

/* Whether a list of words, which commas and blanks separate, has that one. */
bool pf_has_word(const char *list, const char *word);

/* The next word of a list, as Postfix cuts it: braces hold one together. False: no more. */
bool pf_word(const char **list, char *word, size_t size);

#endif
