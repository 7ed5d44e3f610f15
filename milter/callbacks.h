/*
 * callbacks.h - the daemon as libmilter sees it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_CALLBACKS_H
#define TLSWARD_MILTER_CALLBACKS_H

#include <libmilter/mfapi.h>

#include "milter/service.h"

/* What smfi_register() takes. The name is "tlsward". */
struct smfiDesc callbacks_description(void);

/*
 * What the callbacks work with from now on. libmilter hands no pointer through, so
 * that this is the one thing that is global; it must be set before smfi_main() and
 * outlive all callbacks.
 */
void callbacks_serve(struct service *service);

#endif
