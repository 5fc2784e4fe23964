/* The classic calls of rump kernels: boot one, and what it is as a whole. rump(3). */
#ifndef RUMP_RUMP_H
#define RUMP_RUMP_H

#include <rump/rumpdefs.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Boots the classic kernel; once it is there, does nothing.
 *
 * returns: 0, or an error number
 */
int rump_init(void);

#ifdef __cplusplus
}
#endif

#endif
