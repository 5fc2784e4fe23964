/* Loads a component while a kernel runs: before, its file system is not there. */
#include "proof.h"

#include <dlfcn.h>

#define COMPONENT "librumpfs_kernfs.so.0"

int
main(void)
{
	boot();
	NEED(rump_sys_mkdir("/kern", 0755) == 0);
	NEED(rump_sys_mount("kernfs", "/kern", 0, NULL, 0) == -1 && errno == ENODEV);
	if (dlopen(COMPONENT, RTLD_NOW | RTLD_GLOBAL) == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	NEED(rump_sys_mount("kernfs", "/kern", 0, NULL, 0) == 0);
	NEED(rump_sys_access("/kern/version", R_OK) == 0);
	halt();
	return 0;
}
