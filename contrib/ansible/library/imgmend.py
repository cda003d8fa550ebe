#!/usr/bin/python
# -*- coding: utf-8 -*-

# imgmend.py - Ansible module: scans disk images with imgmend, repairs them, and takes repairs back.
#
# Copyright: the authors of imgmend
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The program does all the work. This file asks it where an image stands (status), what it would change (plan),
# and lets it carry out exactly that plan (fix --plan). It keeps these promises:
# - in check mode only status, scan and plan run, which never open an image for writing;
# - nothing is asked of the program that writes unless status or plan say that there is something to do;
# - arguments go to the program as a list, behind "--", past every shell and without expansion;
# - one image that fails stops none of the others, and the task fails with the program's own words.

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r'''
---
module: imgmend
short_description: Repair disk images whose data lies in the first 8 KiB
description:
  - Scans disk images for partitions, volumes and files in the first 8192 bytes of a disk or volume, repairs them in
    place with C(imgmend), and takes repairs back.
  - A repair is one transaction with an undo journal. It survives a power cut, and can be taken back until its journal
    is discarded.
  - A second run finds nothing to do and writes nothing.
version_added: "1.0.0"
author:
  - The authors of imgmend (@imgmend)
requirements:
  - the program C(imgmend) on the managed host
  - Python 3.6 or later on the managed host
options:
  path:
    description:
      - The images, which are files, block devices, virtual disks (qcow2, VHD, VHDX, VMDK, VDI), or URIs of NBD exports.
      - With C(state=scanned) also folders, of which all regular files are scanned.
      - An image that fails stops none of the others. The task fails in the end, and I(images) has all of them.
    type: list
    elements: path
    required: true
    aliases: [ paths, image, images ]
  state:
    description:
      - C(scanned) reports what is wrong, and never changes anything. Findings are no failure; test I(rc) or
        I(findings) for that.
      - C(fixed) repairs what is wrong. What is refused is a failure.
      - C(undone) takes back every repair of which there is a journal, last first, interrupted ones too. The image is
        then byte for byte what it was.
      - C(discarded) removes the journals of finished repairs, which cannot be taken back afterwards.
    type: str
    choices: [ scanned, fixed, undone, discarded ]
    default: scanned
  resume:
    description:
      - What C(state=fixed) does with an image whose repair, or whose undo, was interrupted. By default that is a
        failure which says so; with C(true) it is first finished in the direction that it had.
    type: bool
    default: false
  only:
    description:
      - Repair the findings with these ids, warnings included, and no others. By default every finding of severity
        C(error) is repaired.
    type: list
    elements: str
  allow:
    description:
      - What to accept that would be refused otherwise, see the manual page imgmend 8.
    type: list
    elements: str
    choices: [ in-use, changed, dirty, snapshots, volatile-journal, unknown-boot-code, backing-file, data-file ]
  align:
    description:
      - Alignment of the partition at fault, in bytes or with a suffix, such as C(1M) or C(4096s).
    type: str
  grow:
    description:
      - Whether the image may become larger.
    type: bool
    default: true
  strategy:
    description:
      - The way that the data takes.
    type: str
    choices: [ auto, direct, journalled, write-once, reflink, insert-range ]
  deep:
    description:
      - Look at every file record of NTFS volumes.
    type: bool
    default: false
  verify:
    description:
      - Read the whole image back when the repair is complete, and compare.
    type: bool
    default: false
  manifest:
    description:
      - File for the SHA-256 of the image and of every changed range before and after the repair. It is only written
        when there is something to repair, and takes one image.
    type: path
  journal:
    description:
      - Place of the journal, which must be given again for later tasks. It takes one image. By default it lies beside
        an image file, and in C(/var/lib/imgmend) for block devices.
    type: path
  format:
    description:
      - Format of the images. By default the one of which a file has the mark, else C(raw).
    type: str
    choices: [ raw, qcow2, vpc, vhdx, vmdk, vdi ]
  sector_size:
    description:
      - Logical sector size. By default the one in which the partition table makes sense.
    type: int
    choices: [ 512, 4096 ]
  jobs:
    description:
      - How many images C(state=scanned) looks at at a time.
    type: int
    default: 1
  executable:
    description:
      - Name or path of the program.
    type: path
    default: imgmend
attributes:
  check_mode:
    description: Says what would change. Images are not even opened for writing.
    support: full
  diff_mode:
    description: Shows positions and sizes before and after, and every range of bytes that changes with the reason.
    support: full
notes:
  - Nobody else may use an image during a repair. C(imgmend) refuses images that this host has in use, and cannot know
    of other hosts.
  - A repair of a large image takes as long as moving its data. Use C(async) where a connection may not last; should the
    task be killed, the journal allows for I(resume) and C(state=undone).
'''

EXAMPLES = r'''
- name: What is wrong with the images in this folder?
  imgmend:
    path: /srv/images
    jobs: 4
  register: scan

- name: Name those that need a repair
  ansible.builtin.debug:
    msg: "{{ scan.images | selectattr('rc', 'eq', 4) | map(attribute='path') }}"

- name: Repair two images (with --check --diff it only shows what would change)
  imgmend:
    path:
      - /srv/images/a.img
      - /srv/images/b.qcow2
    state: fixed

- name: Repair an image, going on with a repair that was interrupted
  imgmend:
    path: /srv/images/a.img
    state: fixed
    resume: true

- name: Give a FAT volume the reserved sectors that it lacks, which is only a warning
  imgmend:
    path: /srv/images/card.img
    state: fixed
    only: [fat-reserved-short]
    grow: false

- name: Take it back
  imgmend:
    path: /srv/images/a.img
    state: undone

- name: The image has proven itself, drop the journal
  imgmend:
    path: /srv/images/b.qcow2
    state: discarded
'''

RETURN = r'''
images:
  description: One dictionary for each image, in the order of I(path).
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The image.
      type: str
      sample: /srv/images/a.img
    changed:
      description: Whether something was changed, or would be in check mode.
      type: bool
    failed:
      description: Whether it failed. Images that could not be scanned are only in I(msg).
      type: bool
    msg:
      description: What was done, or why it failed, as a sentence.
      type: str
    rc:
      description:
        - Exit status of the last C(imgmend) that looked at the image or repaired it. It is 0 with nothing to do or all
          well, 1 where problems were corrected, 4 where error findings are left or a repair was refused, 8 after an
          operational error, 16 for wrong usage, 32 when it was cancelled, and below 0 when a signal ended it.
      type: int
    findings:
      description: What was found, before a repair. Positions are in bytes. See the manual page imgmend 8 for the keys.
      type: list
      elements: dict
      sample:
        - id: partition-in-reserved-area
          severity: error
          start: 512
          size: 7680
          partition: 1
          owner: fat16 volume "CARD"
          message: partition 1 (fat16 volume "CARD") starts at byte 512
          fixable: true
    plan:
      description: What was changed, or would be. Empty when nothing needs a repair.
      returned: C(state=fixed)
      type: dict
      contains:
        old_size:
          description: Size of the image before.
          type: int
        new_size:
          description: Size of the image afterwards.
          type: int
        partitions:
          description: Number (0 for a bare volume), C(old_start), C(new_start) and C(size) of each partition, in bytes.
          type: list
          elements: dict
        segments:
          description: How many ranges of bytes change.
          type: int
        bytes_moved:
          description: Bytes that move.
          type: int
        literal_bytes:
          description: Bytes that are written anew.
          type: int
        journal_bytes:
          description: Size of the journal, as an upper bound.
          type: int
        strategy:
          description: The way that the data takes.
          type: str
        notes:
          description: What the repair does not look after, as sentences.
          type: list
          elements: str
    bytes_moved:
      description: Bytes that were moved, or would be.
      type: int
    journal:
      description: The journal, where there is one.
      type: str
      sample: /srv/images/a.img.imgmend-journal
    journal_state:
      description:
        - Where the repair stands, in the words of C(imgmend status --json), which are C(none), C(not-started),
          C(repairing), C(repaired), C(undoing), C(undone) and C(foreign).
      type: str
      sample: repaired
findings:
  description: The findings of all images, each with the name of its C(image).
  returned: always
  type: list
  elements: dict
bytes_moved:
  description: Sum of all images.
  returned: always
  type: int
rc:
  description: The exit statuses of all images, their bits combined.
  returned: always
  type: int
msg:
  description: What failed and why, else a summary.
  returned: always
  type: str
'''

import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

CORRECTED = 1
LEFT = 4
FAILED = 8
STATUS_WORDS = {
    4: 'refused',
    8: 'failed',
    16: 'was called wrongly',
    32: 'was cancelled',
}
INTERRUPTED = ('repairing', 'undoing')
JOURNALS_MAX = 64       # repairs of one image that are taken back in one go
CHANGES_SHOWN = 200     # ranges in a diff


class Failure(Exception):
    """An image that cannot be dealt with: a sentence that names it, and the exit status."""

    def __init__(self, msg, rc):
        super(Failure, self).__init__(msg)
        self.msg = msg
        self.rc = rc


def words_of(err):
    """What the program said on standard error, without its name in front, on one line."""
    lines = []
    for line in err.splitlines():
        line = line.strip()
        if line.startswith('imgmend: '):
            line = line[len('imgmend: '):]
        if line:
            lines.append(line)
    return '; '.join(lines)


def failure(verb, path, rc, err):
    """A Failure in the program's own words."""
    if rc < 0:
        what = 'was ended by signal %d' % -rc
    else:
        what = '%s (exit status %d)' % (STATUS_WORDS.get(rc, 'ended unexpectedly'), rc)
    said = words_of(err) or 'it gave no reason'
    if path not in said:
        said = '%s: %s' % (path, said)
    return Failure('imgmend %s %s: %s' % (verb, what, said), rc)


def documents(text):
    """The JSON documents on standard output, one a line."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{')]


class Imgmend:
    """The program, with the options of the task."""

    def __init__(self, module):
        self.module = module
        self.params = module.params
        self.program = module.get_bin_path(self.params['executable'], True,
                                           ['/usr/local/sbin', '/usr/sbin', '/sbin'])

    def run(self, verb, options, paths):
        """Exit status, standard output, standard error."""
        args = [self.program, verb, '--color=never', '--progress=none']
        if self.params['allow']:
            args.append('--allow=' + ','.join(self.params['allow']))
        if self.params['format']:
            args.append('--format=' + self.params['format'])
        if self.params['sector_size']:
            args.append('--sector-size=%d' % self.params['sector_size'])
        # Without expand_user_and_vars=False a "$" in a file's name would be taken for a variable.
        return self.module.run_command(args + options + ['--'] + paths, expand_user_and_vars=False,
                                       environ_update={'LC_ALL': 'C.UTF-8', 'LANGUAGE': '', 'NO_COLOR': '1'})

    def journal(self):
        return ['--journal=' + self.params['journal']] if self.params['journal'] else []

    def deep(self):
        return ['--deep'] if self.params['deep'] else []

    def scan(self, paths):
        return self.run('scan', ['--json', '--quiet', '--jobs=%d' % self.params['jobs']] + self.deep(), paths)

    def status(self, path):
        rc, out, err = self.run('status', ['--json'] + self.journal(), [path])
        if rc != 0:
            raise failure('status', path, rc, err)
        return documents(out)[0]

    def plan(self, path, save_as):
        """The plan and its exit status: 4 with something to do, else 0."""
        options = ['--json'] + self.deep()
        if self.params['only']:
            options.append('--only=' + ','.join(self.params['only']))
        if self.params['align']:
            options.append('--align=' + self.params['align'])
        if not self.params['grow']:
            options.append('--no-grow')
        if self.params['strategy']:
            options.append('--strategy=' + self.params['strategy'])
        if save_as:
            options += ['-o', save_as]
        rc, out, err = self.run('plan', options, [path])
        found = documents(out)
        # A refusal has the same exit status as a plan with something to do, and no document.
        if rc not in (0, LEFT) or not found:
            raise failure('plan', path, rc, err)
        return found[0], rc

    def fix(self, path, plan_file):
        options = ['--yes', '--quiet', '--plan=' + plan_file] + self.journal()
        if self.params['verify']:
            options.append('--verify')
        if self.params['manifest']:
            options.append('--manifest=' + self.params['manifest'])
        rc, out, err = self.run('fix', options, [path])
        if rc != CORRECTED:
            raise failure('fix', path, rc, err)
        return rc

    def end(self, verb, path, good=(0,)):
        """resume, undo or discard."""
        options = ['--yes', '--quiet'] + self.journal()
        if verb == 'resume' and self.params['verify']:
            options.append('--verify')
        rc, out, err = self.run(verb, options, [path])
        if rc not in good:
            raise failure(verb, path, rc, err)
        return rc


def describe_move(partition, start):
    what = 'partition %d' % partition['number'] if partition['number'] else 'the volume'
    return '%s: bytes %d to %d' % (what, start, start + partition['size'] - 1)


def describe_segment(segment):
    kind = {'from': 'move', 'bytes': 'write', 'zero': 'zero', 'fill': 'fill'}.get(segment['kind'], segment['kind'])
    origin = ' (from %d)' % segment['from'] if segment['kind'] == 'from' else ''
    return '%s %d bytes at %d%s: %s' % (kind, segment['size'], segment['start'], origin, segment.get('reason', ''))


def plan_diff(path, plan):
    before = ['size: %d bytes' % plan['old_size']]
    after = ['size: %d bytes' % plan['new_size']]
    before += [describe_move(p, p['old_start']) for p in plan['partitions']]
    after += [describe_move(p, p['new_start']) for p in plan['partitions']]
    segments = plan['segments']
    after += [describe_segment(s) for s in segments[:CHANGES_SHOWN]]
    if len(segments) > CHANGES_SHOWN:
        after.append('and %d more ranges' % (len(segments) - CHANGES_SHOWN))
    return text_diff(path, before, after)


def text_diff(path, before, after):
    return {
        'before_header': '%s (before)' % path,
        'after_header': '%s (after)' % path,
        'before': '\n'.join(before) + '\n',
        'after': '\n'.join(after) + '\n',
    }


def journal_lines(status):
    """Where an image stands, for the diffs of undone and discarded."""
    if status['state'] == 'none':
        return ['journal: none']
    return ['state: %s' % status['state'], 'journal: %s' % status.get('journal', 'missing')]


def summary_of(plan):
    keys = ('old_size', 'new_size', 'partitions', 'bytes_moved', 'literal_bytes', 'journal_bytes', 'strategy', 'notes')
    summary = dict((key, plan.get(key)) for key in keys)
    summary['segments'] = len(plan['segments'])
    return summary


class Task:
    """What the task asks for, image by image."""

    def __init__(self, module):
        self.module = module
        self.imgmend = Imgmend(module)
        self.check = module.check_mode
        self.diffs = []
        self.images = []
        self.faults = []

    def result(self, path):
        result = {'path': path, 'changed': False, 'failed': False, 'msg': '', 'rc': 0, 'findings': [], 'bytes_moved': 0,
                  'journal': None}
        self.images.append(result)
        return result

    def take_status(self, result):
        status = self.imgmend.status(result['path'])
        result['journal_state'] = status['state']
        result['journal'] = status.get('journal')
        return status

    def scanned(self, paths):
        rc, out, err = self.imgmend.scan(paths)
        for document in documents(out):
            result = self.result(document['image'])
            result['findings'] = document['findings']
            if any(f['severity'] == 'error' for f in document['findings']):
                result['rc'] = LEFT
            result['msg'] = '%d findings' % len(document['findings'])
        # Bit 8 stands for images that could not be scanned; the program names each.
        if rc not in (0, LEFT):
            self.faults.append(failure('scan', paths[0] if len(paths) == 1 else 'one of several images', rc, err))

    def finish(self, result, status):
        """An interrupted repair or undo, before anything else. False: the rest cannot be known in check mode."""
        path = result['path']
        what = 'repair' if status['state'] == 'repairing' else 'undo'
        if not self.module.params['resume']:
            result['rc'] = LEFT
            raise Failure('%s: a %s was interrupted%s; the option "resume: true" finishes it, "state: undone" takes '
                          'the repair back' % (path, what, where_journal(status)), LEFT)
        result['changed'] = True
        if self.check:
            result['msg'] = 'the interrupted %s would be finished' % what
            self.diffs.append(text_diff(path, journal_lines(status), ['the interrupted %s is finished' % what]))
            return False
        result['rc'] = self.imgmend.end('resume', path, (0, CORRECTED))
        result['msg'] = 'the interrupted %s was finished; ' % what
        return True

    def fixed(self, result):
        path = result['path']
        status = self.take_status(result)
        if status['state'] in INTERRUPTED:
            if not self.finish(result, status):
                return
            status = self.take_status(result)
        if status['state'] == 'foreign':
            self.module.warn('%s: %s' % (path, status.get('message', 'its journal does not fit it')))
        plan_file = None if self.check else self.temporary()
        plan, rc = self.imgmend.plan(path, plan_file)
        result['findings'] = plan['findings']
        result['plan'] = summary_of(plan) if plan['segments'] else {}
        if not plan['segments']:
            result['msg'] += 'nothing to repair'
            return
        result['rc'] = rc
        result['bytes_moved'] = plan['bytes_moved']
        if not self.check:
            try:
                result['rc'] = self.imgmend.fix(path, plan_file)
            except Failure:
                result['changed'] = self.has_begun(result)
                raise
        result['changed'] = True
        self.diffs.append(plan_diff(path, plan))
        result['msg'] += '%s, %d bytes move' % ('would be repaired' if self.check else 'repaired', plan['bytes_moved'])
        if not self.check:
            self.take_status(result)

    def temporary(self):
        """A file for a plan, which is gone when the module ends."""
        fd, name = tempfile.mkstemp(prefix='imgmend-plan-', dir=self.module.tmpdir)
        os.close(fd)
        self.module.add_cleanup_file(name)
        return name

    def has_begun(self, result):
        """After a repair that failed: was the image written to?"""
        try:
            return self.take_status(result)['state'] in INTERRUPTED + ('repaired',)
        except Failure:
            return True

    def go_back(self, result, verb):
        """undo or discard, until no journal is left."""
        path = result['path']
        first = status = self.take_status(result)
        for dummy in range(JOURNALS_MAX):
            if status['state'] == 'none':
                break
            if verb == 'undo' and status['state'] == 'foreign':
                result['rc'] = LEFT
                why = status.get('message', 'the journal does not fit the image')
                raise Failure('%s: the repair cannot be taken back%s: %s' % (path, where_journal(status), why), LEFT)
            if verb == 'discard' and status['state'] in INTERRUPTED:
                result['rc'] = LEFT
                raise Failure('%s: a repair or an undo was interrupted%s, and only this journal can end it; use '
                              '"state: fixed" with "resume: true", or "state: undone"' % (path, where_journal(status)),
                              LEFT)
            if self.check:
                self.foresee(verb, path, status)
                result['changed'] = True
                break
            self.imgmend.end(verb, path)
            result['changed'] = True
            status = self.take_status(result)
        done = {'undo': 'taken back', 'discard': 'discarded'}[verb]
        if not result['changed']:
            result['msg'] = 'there is no journal'
            return
        result['msg'] = '%s %s' % ('would be' if self.check else 'was', done)
        self.diffs.append(text_diff(path, journal_lines(first), journal_lines({'state': 'none'})))

    def foresee(self, verb, path, status):
        """Check mode fails where undo would: when the image was used since its repair."""
        if verb != 'undo' or status['state'] != 'repaired' or not status.get('message'):
            return
        if 'changed' not in (self.module.params['allow'] or []):
            raise Failure('%s: the repair cannot be taken back: %s' % (path, status['message']), LEFT)
        self.module.warn('%s: %s' % (path, status['message']))

    def one(self, state, path):
        result = self.result(path)
        try:
            if state == 'fixed':
                self.fixed(result)
            else:
                self.go_back(result, 'undo' if state == 'undone' else 'discard')
        except Failure as e:
            result.update(failed=True, msg=e.msg, rc=e.rc)
            self.faults.append(e)

    def run(self):
        state, paths = self.module.params['state'], self.module.params['path']
        if state == 'scanned':
            self.scanned(paths)
        else:
            for path in paths:
                self.one(state, path)
        self.leave(state)

    def leave(self, state):
        rc = 0
        for status in [i['rc'] for i in self.images] + [f.rc for f in self.faults]:
            rc |= status if status >= 0 else FAILED
        changed = sum(1 for i in self.images if i['changed'])
        result = {
            'changed': changed > 0,
            'images': self.images,
            'findings': [dict(f, image=i['path']) for i in self.images for f in i['findings']],
            'bytes_moved': sum(i['bytes_moved'] for i in self.images),
            'rc': rc,
        }
        if self.module._diff:
            result['diff'] = self.diffs
        if self.faults:
            self.module.fail_json(msg='; '.join(f.msg for f in self.faults), **result)
        if len(self.images) == 1:
            message = '%s: %s' % (self.images[0]['path'], self.images[0]['msg'])
        else:
            message = '%d images, %d changed' % (len(self.images), changed)
        # Without a word on it, Ansible takes any "rc" but 0 for a failure.
        self.module.exit_json(failed=False, msg=message, **result)


def where_journal(status):
    if status.get('journal'):
        return ' (its journal is %s)' % status['journal']
    return ' (%s)' % status['message'] if status.get('message') else ''


def main():
    module = AnsibleModule(
        argument_spec=dict(
            path=dict(type='list', elements='path', required=True, aliases=['paths', 'image', 'images']),
            state=dict(type='str', default='scanned', choices=['scanned', 'fixed', 'undone', 'discarded']),
            resume=dict(type='bool', default=False),
            only=dict(type='list', elements='str'),
            allow=dict(type='list', elements='str',
                       choices=['in-use', 'changed', 'dirty', 'snapshots', 'volatile-journal', 'unknown-boot-code',
                                'backing-file', 'data-file']),
            align=dict(type='str'),
            grow=dict(type='bool', default=True),
            strategy=dict(type='str',
                          choices=['auto', 'direct', 'journalled', 'write-once', 'reflink', 'insert-range']),
            deep=dict(type='bool', default=False),
            verify=dict(type='bool', default=False),
            manifest=dict(type='path'),
            journal=dict(type='path'),
            format=dict(type='str', choices=['raw', 'qcow2', 'vpc', 'vhdx', 'vmdk', 'vdi']),
            sector_size=dict(type='int', choices=[512, 4096]),
            jobs=dict(type='int', default=1),
            executable=dict(type='path', default='imgmend'),
        ),
        supports_check_mode=True,
    )
    if not module.params['path']:
        module.fail_json(msg='the option "path" names no image')
    for option in ('journal', 'manifest'):
        if module.params[option] and len(module.params['path']) > 1:
            module.fail_json(msg='the option "%s" takes one image, and "path" names %d' %
                             (option, len(module.params['path'])))
    Task(module).run()


if __name__ == '__main__':
    main()
