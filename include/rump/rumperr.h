/* Error numbers in words. */
#ifndef RUMP_RUMPERR_H
#define RUMP_RUMPERR_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Says what an error number means. The text stays.
 *
 * @returns the text, `no error` for 0, `unknown error` for what calls never answer
 */
const char *rump_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
