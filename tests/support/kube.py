"""kube.py - looks at the jobs of contrib/kubernetes.

	kube.py check FILE...		is each a Job of batch/v1, as far as that is told by the fields that they use?
	kube.py script FILE		the script that the container runs
	kube.py env FILE		its environment, NAME=VALUE a line

A field that is not listed here is an error: a misspelt one would be refused by the API server, or ignored.
"""
import re
import sys

import yaml

NAME = re.compile(r'[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?')
QUANTITY = re.compile(r'[0-9]+(m|Ki|Mi|Gi|Ti)?')

# What an object may have; a trailing "!" is for fields that must be there.
FIELDS = {
    'job': 'apiVersion! kind! metadata! spec!',
    'metadata': 'name!',
    'spec': 'template! backoffLimit completions parallelism podFailurePolicy',
    'template': 'spec!',
    'pod': 'containers! restartPolicy! volumes securityContext automountServiceAccountToken terminationGracePeriodSeconds',
    'pod context': 'runAsNonRoot runAsUser runAsGroup fsGroup fsGroupChangePolicy seccompProfile',
    'container': 'name! image! command args env securityContext resources volumeMounts volumeDevices',
    'context': 'allowPrivilegeEscalation readOnlyRootFilesystem capabilities',
    'capabilities': 'drop add',
    'variable': 'name! value!',
    'resources': 'requests limits',
    'mount': 'name! mountPath! readOnly',
    'device': 'name! devicePath!',
    'volume': 'name! persistentVolumeClaim emptyDir',
    'claim': 'claimName! readOnly',
    'empty': 'sizeLimit',
    'policy': 'rules!',
    'rule': 'action! onPodConditions onExitCodes',
    'condition': 'type!',
    'codes': 'containerName operator! values!',
}


class Fault(Exception):
    pass


def expect(truth, what):
    if not truth:
        raise Fault(what)


def fields(thing, kind):
    expect(isinstance(thing, dict), 'a %s is no mapping' % kind)
    allowed = FIELDS[kind].split()
    for word in allowed:
        expect(not word.endswith('!') or word[:-1] in thing, 'a %s has no %s' % (kind, word[:-1]))
    for name in thing:
        expect(name in [w.rstrip('!') for w in allowed], 'a %s has the field %s' % (kind, name))
    return thing


def is_number(n, least=0):
    return isinstance(n, int) and not isinstance(n, bool) and n >= least


def check_policy(policy, containers):
    for rule in fields(policy, 'policy')['rules']:
        fields(rule, 'rule')
        expect(rule['action'] in ('FailJob', 'Ignore', 'Count'), 'the action %s' % rule['action'])
        expect(('onPodConditions' in rule) != ('onExitCodes' in rule), 'a rule needs one of the two conditions')
        for condition in rule.get('onPodConditions', []):
            fields(condition, 'condition')
        if 'onExitCodes' in rule:
            codes = fields(rule['onExitCodes'], 'codes')
            expect(codes['operator'] in ('In', 'NotIn'), 'the operator %s' % codes['operator'])
            expect(codes['values'] == sorted(set(codes['values'])) and all(is_number(n, 1) for n in codes['values']),
                   'exit codes are in order, and none is 0 with In')
            expect(codes['containerName'] in containers, 'no container %s' % codes['containerName'])


def check_volumes(pod):
    volumes = {}
    for volume in pod.get('volumes', []):
        fields(volume, 'volume')
        expect(NAME.fullmatch(volume['name']), 'the name %s' % volume['name'])
        expect(volume['name'] not in volumes, 'two volumes %s' % volume['name'])
        expect(len(volume) == 2, 'the volume %s has not one source' % volume['name'])
        if 'persistentVolumeClaim' in volume:
            fields(volume['persistentVolumeClaim'], 'claim')
        else:
            expect(QUANTITY.fullmatch(fields(volume['emptyDir'], 'empty')['sizeLimit']), 'a size')
        volumes[volume['name']] = volume
    return volumes


def check_container(container, volumes):
    fields(container, 'container')
    expect(NAME.fullmatch(container['name']), 'the name %s' % container['name'])
    for key in ('command', 'args'):
        expect(all(isinstance(word, str) for word in container[key]), '%s has what is no string' % key)
    for variable in container['env']:
        expect(isinstance(fields(variable, 'variable')['value'], str), 'the value of a variable is no string')
    context = fields(container['securityContext'], 'context')
    expect(fields(context['capabilities'], 'capabilities')['drop'] == ['ALL'], 'not all capabilities are dropped')
    expect(context['readOnlyRootFilesystem'] is True, 'the root file system is writable')
    # The API server refuses both at once; the kubelet gives the one up for the other.
    expect(('add' in context['capabilities']) != (context.get('allowPrivilegeEscalation') is False),
           'either a capability or no escalation')
    for amounts in fields(container['resources'], 'resources').values():
        expect(all(QUANTITY.fullmatch(str(amount)) for amount in amounts.values()), 'an amount')
    used = [fields(m, 'mount') for m in container['volumeMounts']]
    used += [fields(d, 'device') for d in container.get('volumeDevices', [])]
    for use in used:
        expect(use['name'] in volumes, 'no volume %s' % use['name'])
        expect(use.get('mountPath', use.get('devicePath')).startswith('/'), 'a path is relative')
    expect(sorted(use['name'] for use in used) == sorted(volumes), 'a volume that is not used once')


def check(job):
    fields(job, 'job')
    expect(job['apiVersion'] == 'batch/v1' and job['kind'] == 'Job', 'no Job of batch/v1')
    expect(NAME.fullmatch(fields(job['metadata'], 'metadata')['name']), 'the name')
    spec = fields(job['spec'], 'spec')
    expect(all(is_number(spec[k]) for k in ('backoffLimit', 'completions', 'parallelism') if k in spec), 'a number')
    pod = fields(fields(spec['template'], 'template')['spec'], 'pod')
    expect(pod['restartPolicy'] == 'Never', 'a policy for failures needs restartPolicy: Never')
    context = fields(pod['securityContext'], 'pod context')
    expect(context['seccompProfile'] == {'type': 'RuntimeDefault'}, 'the seccomp profile')
    if context.get('runAsNonRoot'):
        expect(is_number(context['runAsUser'], 1), 'the user is root')
    volumes = check_volumes(pod)
    for container in pod['containers']:
        check_container(container, volumes)
    if 'podFailurePolicy' in spec:
        check_policy(spec['podFailurePolicy'], [c['name'] for c in pod['containers']])


def main():
    what, files = sys.argv[1], sys.argv[2:]
    for name in files:
        with open(name, encoding='utf-8') as f:
            job = yaml.safe_load(f)
        if what == 'check':
            try:
                check(job)
            except (Fault, KeyError, TypeError) as e:
                sys.exit('%s: %s' % (name, e if isinstance(e, Fault) else repr(e)))
            continue
        container = job['spec']['template']['spec']['containers'][0]
        if what == 'script':
            print(container['args'][0], end='')
        else:
            for variable in container['env']:
                print('%s=%s' % (variable['name'], variable['value']))


main()
