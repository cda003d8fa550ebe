/* child.c - run a function in a child process with limits, serve its reads, take its answer.
 *
 * The parent's side; in_child.c is the child's. The parent believes nothing that it is told: lengths are
 * bounded, and every wait ends at the deadline.
 */
#include <config.h>

#include "adapt/child_talk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

#define WALL_MS 30000
#define BEAT_MS 200u

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

static int serve_read(const struct talk *t, struct im_dev *dev, const struct im_request *rq, uint8_t *buf)
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
	struct im_request rq;
	int rc;

	for (;;) {
		rc = transfer(&t, &rq, sizeof(rq), false);
		if (rc != 1)
			return rc;
		if (rq.kind == IM_REQUEST_READ && rq.len <= IM_CHILD_MAX_READ) {
			rc = serve_read(&t, dev, &rq, buf);
			if (rc != 1)
				return rc;
			continue;
		}
		if (rq.kind != IM_REQUEST_ANSWER || rq.len > IM_CHILD_MAX_ANSWER)
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
		im_child_be(fn, needs, arg, fds, pair[1], self);
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
	else if (WEXITSTATUS(status) == IM_CHILD_TOO_LONG)
		im_say(why, IM_WHY_MAX, "what it would answer is longer than %u bytes", IM_CHILD_MAX_ANSWER);
	else if (WEXITSTATUS(status) == IM_CHILD_NO_SANDBOX)
		im_say(why, IM_WHY_MAX, "the system gives its process no sandbox (seccomp)");
	else
		im_say(why, IM_WHY_MAX, "its process ended without an answer (status %d)", WEXITSTATUS(status));
}

static int take(struct im_child_process *p, struct im_dev *dev, bool is_last, struct im_answer *out, struct im_error *err)
{
	uint8_t *buf = dev ? malloc(IM_CHILD_MAX_READ) : NULL;
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
