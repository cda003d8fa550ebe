/* child.c - run a function in a child process with limits, serve its reads, take its answer.
 *
 * Parent and child talk over a socket pair. The child sends requests (struct request), either
 * READ, which the parent answers with a status and the bytes, or ANSWER, followed by the bytes
 * of the answer, which ends the talk. The parent believes nothing that it is told: lengths are
 * bounded, and every wait ends at the deadline.
 */
#include <config.h>

#include "adapt/child.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adapt/sandbox.h"
#include "base/bytes.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(COVERAGE)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#ifdef COVERAGE	/* the counts of a process are written to files at its end, which _exit leaves out */
void __gcov_dump(void);
#define write_counts() __gcov_dump()
#else
#define write_counts() ((void)0)
#endif

#define WALL_MS 30000
#define BEAT_MS 200u
#define CPU_SECONDS 20
#define MEMORY (512ull << 20)	/* above what the parent had mapped */
#define MAX_READ (1u << 20)
#define MAX_ANSWER (1u << 20)
#define CHILD_FD 3		/* the first of IM_CHILD_FDS */
#define CHILD_SOCK (CHILD_FD + IM_CHILD_FDS)
#define TOO_LONG 3	/* exit status of a child whose answer is longer than MAX_ANSWER */
#define NO_SANDBOX 4	/* exit status of a child that the system gives no sandbox */

enum { READ = 1, ANSWER = 2 };

struct request {
	uint32_t kind;
	uint32_t len;
	uint64_t off;
};

/* ---- in the child ---- */

static void send_all(int sock, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = send(sock, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(2);
		p += n;
		len -= (size_t)n;
	}
}

static void receive_all(int sock, void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		ssize_t n = recv(sock, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(2);
		p += n;
		len -= (size_t)n;
	}
}

int im_child_read(const struct im_child *child, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		struct request rq = { .kind = READ, .len = (uint32_t)im_min(len, MAX_READ), .off = off };
		int32_t status;

		send_all(child->sock, &rq, sizeof(rq));
		receive_all(child->sock, &status, sizeof(status));
		if (status)
			return -1;
		receive_all(child->sock, p, rq.len);
		p += rq.len;
		off += rq.len;
		len -= rq.len;
	}
	return 0;
}

struct child_dev {
	struct im_dev dev;
	const struct im_child *child;
};

static int child_dev_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	if (im_child_read(((struct child_dev *)dev)->child, off, buf, len) < 0)
		return im_error_at(err, IM_EIO, off, "the parent could not read");
	return 0;
}

static void child_dev_close(struct im_dev *dev)
{
	free(dev);
}

static const struct im_dev_ops child_dev_ops = {
	.read = child_dev_read,
	.close = child_dev_close,
};

struct im_dev *im_child_dev(const struct im_child *child, uint64_t size)
{
	struct child_dev *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->dev = (struct im_dev){ .ops = &child_dev_ops, .size = size, .sector_size = 512, .is_read_only = true };
	d->child = child;
	return &d->dev;
}

void im_child_answer(const struct im_child *child, size_t total)
{
	struct request rq = { .kind = ANSWER, .len = (uint32_t)total };

	if (total > MAX_ANSWER)
		_exit(TOO_LONG);
	send_all(child->sock, &rq, sizeof(rq));
}

void im_child_put(const struct im_child *child, const void *data, size_t len)
{
	send_all(child->sock, data, len);
}

static void limit(int what, rlim_t value)
{
	struct rlimit now, want = { value, value };

	if (getrlimit(what, &now) == 0 && now.rlim_max < value)
		want.rlim_cur = want.rlim_max = now.rlim_max;
	setrlimit(what, &want);
}

static void limit_memory(void)
{
	unsigned long pages = 0;
	FILE *f = SANITIZED ? NULL : fopen("/proc/self/statm", "re");

	if (!f)
		return;
	if (fscanf(f, "%lu", &pages) == 1)
		limit(RLIMIT_AS, (rlim_t)(pages * (unsigned long)sysconf(_SC_PAGESIZE) + MEMORY));
	fclose(f);
}

/* As `want`, or closed where there is none. */
static void place_descriptor(int fd, int want)
{
	if (fd < 0)
		close(want);
	else if (dup2(fd, want) < 0)
		_exit(2);
}

/* Descriptors: 0–2 nothing, then what was handed over, the socket, no others. */
static void arrange_descriptors(struct im_child *child, const int *fds, int sock)
{
	int s = fcntl(sock, F_DUPFD, 16), f[IM_CHILD_FDS], null = open("/dev/null", O_RDWR);

	for (int i = 0; i < IM_CHILD_FDS; i++) {
		bool is_there = fds && fds[i] >= 0;

		f[i] = is_there ? fcntl(fds[i], F_DUPFD, 16) : -1;
		if (is_there && f[i] < 0)
			_exit(2);
	}
	if (s < 0 || null < 0)
		_exit(2);
	/* a sanitizer's report should be seen */
	for (int i = 0; i < (SANITIZED ? 2 : 3); i++)
		place_descriptor(null, i);
	for (int i = 0; i < IM_CHILD_FDS; i++) {
		place_descriptor(f[i], CHILD_FD + i);
		child->fds[i] = f[i] < 0 ? -1 : CHILD_FD + i;
	}
	place_descriptor(s, CHILD_SOCK);
	closefrom(CHILD_SOCK + 1);	/* or, where that cannot be, it ends here */
	child->fd = child->fds[0];
	child->sock = CHILD_SOCK;
}

/* What libraries allocate and free again and again stays with the process: to get the same memory from the system anew costs more than
 * the reading that it is for. */
static void keep_memory(void)
{
#if defined(M_MMAP_THRESHOLD) && defined(M_TRIM_THRESHOLD)
	mallopt(M_MMAP_THRESHOLD, 16 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

static _Noreturn void be_child(im_child_fn fn, const struct im_child_needs *needs, const void *arg, const int *fds, int sock,
			       pid_t parent)
{
	struct im_child child;
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGXCPU };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (getppid() != parent)
		_exit(2);
	/* an interruption is for the parent to handle; the parent's handlers are not for us */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; !SANITIZED && i < sizeof(faults) / sizeof(*faults); i++)
		signal(faults[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	arrange_descriptors(&child, fds, sock);
	keep_memory();
	limit(RLIMIT_CORE, 1);	/* 1, not 0: that silences a core_pattern with a pipe as well */
	limit(RLIMIT_CPU, CPU_SECONDS);
	if (needs && needs->prepare)
		needs->prepare();
	limit_memory();
	/* a sanitizer needs more of the system than the sandbox leaves */
	if (!SANITIZED && im_sandbox_enter(needs && needs->opens_proc) < 0)
		_exit(NO_SANDBOX);
	fn(&child, arg);
	write_counts();
	_exit(0);
}

/* ---- in the parent ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct talk {
	int sock;
	int64_t deadline;		/* as of now_ms */
	struct im_watch *watch;		/* NULL: nobody follows */
};

/* Transfer all of buf: 1 done, 0 the child is gone, -1 too late, or somebody stopped us. */
static int transfer(const struct talk *t, void *buf, size_t len, bool out)
{
	uint8_t *p = buf;

	while (len) {
		struct pollfd pf = { .fd = t->sock, .events = out ? POLLOUT : POLLIN };
		int64_t left = t->deadline - now_ms();
		ssize_t n;

		if (left <= 0 || im_watch_beat(t->watch, NULL) < 0)
			return -1;
		if (poll(&pf, 1, (int)im_min((uint64_t)left, BEAT_MS)) <= 0)
			continue;
		n = out ? send(t->sock, p, len, MSG_NOSIGNAL | MSG_DONTWAIT) : recv(t->sock, p, len, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return 0;
		p += n;
		len -= (size_t)n;
	}
	return 1;
}

static int serve_read(const struct talk *t, struct im_dev *dev, const struct request *rq, uint8_t *buf)
{
	int32_t status = dev && im_dev_read(dev, rq->off, buf, rq->len, NULL) == 0 ? 0 : -1;
	int rc = transfer(t, &status, sizeof(status), true);

	if (rc == 1 && !status)
		rc = transfer(t, buf, rq->len, true);
	return rc;
}

/* Serve until the answer is there (1), the child is gone or talks nonsense (0), or it is too late (-1). */
static int serve(const struct im_child_process *p, struct im_dev *dev, uint8_t *buf, struct im_answer *out)
{
	struct talk t = { p->sock, now_ms() + WALL_MS, dev ? dev->watch : NULL };
	struct request rq;
	int rc;

	for (;;) {
		rc = transfer(&t, &rq, sizeof(rq), false);
		if (rc != 1)
			return rc;
		if (rq.kind == READ && rq.len <= MAX_READ) {
			rc = serve_read(&t, dev, &rq, buf);
			if (rc != 1)
				return rc;
			continue;
		}
		if (rq.kind != ANSWER || rq.len > MAX_ANSWER)
			return 0;
		out->data = malloc(rq.len + 1u);
		out->len = rq.len;
		return out->data ? transfer(&t, out->data, rq.len, false) : 0;
	}
}

/* End the child and collect it; *status as of waitpid. A child that hung up has a second to go by itself. One that is collected
 * already, by somebody who must not, is not killed: its number may be another one's by now. */
static bool reap(pid_t pid, bool hung_up, int *status)
{
	for (int i = hung_up ? 1000 : 1; i > 0; i--) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid)
			return true;
		if (got < 0 && errno != EINTR)
			return false;
		if (hung_up)
			usleep(1000);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

int im_child_start(im_child_fn fn, const struct im_child_needs *needs, const void *arg, const int fds[IM_CHILD_FDS],
		   struct im_child_process *p, struct im_error *err)
{
	pid_t self = getpid();
	int pair[2], rc;

	*p = (struct im_child_process){ 0 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return im_error_sys(err, errno, "cannot make a socket pair");
	p->pid = fork();
	if (!p->pid) {
		im_intl_use(false);
		be_child(fn, needs, arg, fds, pair[1], self);
	}
	rc = p->pid < 0 ? errno : 0;
	close(pair[1]);
	if (rc) {
		close(pair[0]);
		p->pid = 0;
		return im_error_sys(err, rc, "cannot start a child process");
	}
	p->sock = pair[0];
	return 0;
}

void im_child_end(struct im_child_process *p)
{
	int status;

	if (!p->pid)
		return;
	close(p->sock);
	reap(p->pid, false, &status);
	p->pid = 0;
}

/* Why there is no answer. rc: as of serve; status: as of waitpid, 0 where it is not known. */
static void explain(int rc, int status, char why[IM_WHY_MAX])
{
	if (rc < 0)
		im_say(why, IM_WHY_MAX, "it gave no answer within %d seconds", WALL_MS / 1000);
	else if (WIFSIGNALED(status))
		im_say(why, IM_WHY_MAX, "its process died of signal %d (%s)", WTERMSIG(status), im_signal_text(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == TOO_LONG)
		im_say(why, IM_WHY_MAX, "what it would answer is longer than %u bytes", MAX_ANSWER);
	else if (WEXITSTATUS(status) == NO_SANDBOX)
		im_say(why, IM_WHY_MAX, "the system gives its process no sandbox (seccomp)");
	else
		im_say(why, IM_WHY_MAX, "its process ended without an answer (status %d)", WEXITSTATUS(status));
}

static int take(struct im_child_process *p, struct im_dev *dev, bool is_last, struct im_answer *out, struct im_error *err)
{
	uint8_t *buf = dev ? malloc(MAX_READ) : NULL;
	int rc, status = 0;

	memset(out, 0, sizeof(*out));
	if (dev && !buf) {
		im_child_end(p);
		return im_error_nomem(err);
	}
	rc = serve(p, dev, buf, out);
	free(buf);
	if (rc == 1 && !is_last)
		return 0;
	close(p->sock);
	if (!reap(p->pid, rc == 0, &status))
		status = 0;
	p->pid = 0;
	if (rc == 1)
		return 0;
	free(out->data);
	out->data = NULL;
	out->len = 0;
	if (dev && im_watch_beat(dev->watch, err) < 0)
		return -1;
	explain(rc, status, out->why);
	return 0;
}

int im_child_next(struct im_child_process *p, struct im_dev *dev, struct im_answer *out, struct im_error *err)
{
	return take(p, dev, false, out, err);
}

int im_child_finish(struct im_child_process *p, struct im_dev *dev, struct im_answer *out, struct im_error *err)
{
	return take(p, dev, true, out, err);
}

int im_child_run(im_child_fn fn, const struct im_child_needs *needs, const void *arg, int fd, struct im_dev *dev,
		 struct im_answer *out, struct im_error *err)
{
	const int fds[IM_CHILD_FDS] = { fd, -1 };
	struct im_child_process p;

	memset(out, 0, sizeof(*out));
	return im_child_start(fn, needs, arg, fds, &p, err) < 0 ? -1 : im_child_finish(&p, dev, out, err);
}
