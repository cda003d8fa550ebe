/* sandbox.c - seccomp and Landlock around a child process.
 *
 * Landlock takes away every file of the file system; descriptors that are open stay, and so does a memfd that is
 * opened again through /proc, which lies in no file system that has rules. A kernel without Landlock lets
 * seccomp do it alone: then no file can be opened but by the child that must (opens_proc).
 *
 * seccomp allows the calls listed below; every other one fails with EPERM, and the library in the child sees
 * what it would see without the permission. 32-bit machines have calls of their own for some of it; on others
 * libseccomp leaves those out.
 */
#include "adapt/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Access rights of the first version of Landlock: all that it can take away of files and folders. */
#define EVERY_ACCESS ((1ull << 13) - 1)

static const int allowed[] = {
	/* its own memory */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	/* open descriptors: the sample of a disk, the socket to the parent */
	SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(lseek), SCMP_SYS(_llseek),
	SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(newfstatat), SCMP_SYS(fstatat64), SCMP_SYS(statx),
	SCMP_SYS(fadvise64), SCMP_SYS(fadvise64_64), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
	SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(send), SCMP_SYS(recv),
	/* itself, the clock, chance */
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(getuid32),
	SCMP_SYS(geteuid), SCMP_SYS(geteuid32), SCMP_SYS(getgid), SCMP_SYS(getgid32), SCMP_SYS(getegid),
	SCMP_SYS(getegid32), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(futex), SCMP_SYS(futex_time64),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
};

/* Of fcntl; others would have the kernel send signals, to anybody. */
static const int commands[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL };

/* Where there is no Landlock nothing happens. */
static void forbid_files(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = EVERY_ACCESS };
	long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0)
		return;
	syscall(SYS_landlock_restrict_self, (int)fd, 0);
	close((int)fd);
}

static int add_rules(scmp_filter_ctx filter, bool opens_proc)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		struct scmp_arg_cmp command = SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]);

		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, command) < 0 ||
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl64), 1, command) < 0)
			return -1;
	}
	/* a library's abort() must end the process as a signal, and can reach nobody else */
	if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) < 0)
		return -1;
	return opens_proc ? seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 0) : 0;
}

int im_sandbox_enter(bool opens_proc)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = -1;

	if (!filter)
		return -1;
	forbid_files();
	if (add_rules(filter, opens_proc) == 0 && seccomp_load(filter) == 0)
		rc = 0;
	seccomp_release(filter);
	return rc;
}
