/* Programs for NetBSD's rump kernels include this for differences of hosts; here there is nothing to bridge. */
#ifndef RUMP_RUMPUSER_PORT_H
#define RUMP_RUMPUSER_PORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#endif
