/*
 * User-mode Linux 6.1 keeps as many bytes of extended registers as processors had when it was written, and the host takes no
 * fewer than this one has. What it leaves out is put back here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static char all[1 << 16] __attribute__((aligned(64)));

long ptrace(enum __ptrace_request request, ...)
{
	static long (*next)(enum __ptrace_request, ...);
	struct iovec whole = {all, sizeof all};
	struct iovec *given;
	va_list arguments;
	void *pid, *what;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "ptrace");
	va_start(arguments, request);
	pid = va_arg(arguments, void *);
	what = va_arg(arguments, void *);
	given = va_arg(arguments, void *);
	va_end(arguments);
	if (request != PTRACE_SETREGSET || what != (void *)NT_X86_XSTATE)
		return next(request, pid, what, given);
	if (next(PTRACE_GETREGSET, pid, what, &whole) != 0)
		return -1;
	memcpy(all, given->iov_base, given->iov_len < whole.iov_len ? given->iov_len : whole.iov_len);
	return next(request, pid, what, &whole);
}
