#!/usr/bin/env python3
"""The rehearsal world by itself: a migration by hand against its stand-ins, and what it must refuse.

usage: smoke_test.py [WORLD-PROGRAM]      (else the one in the build folder, CM_BUILD)
Prints TAP. Needs PostgreSQL's server programs; without them it is skipped (77)."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.environ.get("CM_BUILD", "."), "connect-migrate-world")
NAMESPACE = "posit-connect"
RELEASE = "rstudio-connect-prod"


class World:
    def __init__(self, folder, *options):
        self.dir = folder
        self.options = options
        self.process = None

    def start(self):
        self.process = subprocess.Popen([PROGRAM, "serve", "--dir", self.dir, *self.options], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        assert line == "ready", f"the world said {line!r}"
        with open(f"{self.dir}/world.json") as f:
            self.info = json.load(f)
        return self

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(30)
        self.process.stdout.close()

    def run(self, name, *argv, stdin=None):
        done = subprocess.run([f"{self.dir}/bin/{name}", *argv], input=stdin, capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout, done.stderr

    def ok(self, name, *argv, **more):
        status, out, err = self.run(name, *argv, **more)
        assert status == 0, f"{name} {' '.join(argv)}: {status} {err}"
        return out

    def node(self, line, host="connect1"):
        return self.run("node-shell", host, line)

    def helm(self, *argv):
        return self.run("helm", *argv, "--namespace", NAMESPACE, "--kube-context", "world")

    def kubectl(self, *argv, **more):
        return self.run("kubectl", "--context", "world", "--namespace", NAMESPACE, *argv, **more)

    def objects(self, *argv):
        status, out, err = self.kubectl("get", *argv, "-o", "json")
        assert status == 0, err
        return json.loads(out)

    def api(self, path, port=None, method="GET", body=None, key=True):
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.info['ports']['public']}{path}", method=method)
        if key:
            request.add_header("Authorization", f"Key {self.info['api_key']}")
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read().decode()

    def effects(self):
        with open(f"{self.dir}/effects.jsonl") as f:
            return [json.loads(line) for line in f]

    def names(self):
        return [e["effect"] for e in self.effects()]

    def upgrade(self, *more, values=("values.yaml",), purpose="deploy"):
        files = [x for v in values for x in ("--values", v if v.startswith("/") else f"{self.dir}/{v}")]
        return self.helm("upgrade", "--install", RELEASE, "rstudio/rstudio-connect", *files, "--labels",
                         f"connect-migrate/purpose={purpose}", *more)

    def until_ready(self, limit=60.0):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            pods = self.objects("pods", "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
            if len(pods) == 1 and pods[0]["status"]["containerStatuses"][0]["ready"]:
                return pods[0]["metadata"]["name"]
            time.sleep(0.01)
        raise AssertionError(f"no ready pod: {pods}")

    def forward(self):
        process = subprocess.Popen([f"{self.dir}/bin/kubectl", "-n", NAMESPACE, "port-forward", f"svc/{RELEASE}", ":80", "--address",
                                    "127.0.0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        return process, int(line.split("127.0.0.1:")[1].split(" ")[0])

    def task(self, port, task):
        while True:
            status, text = self.api(f"/__api__/v1/tasks/{task}?first=0&wait=5", port)
            assert status == 200, text
            if json.loads(text)["finished"]:
                return json.loads(text)


def old_server_answers(w):
    status, text = w.api("/__api__/server_settings")
    assert status == 200 and json.loads(text)["execution_type"] == "native", text
    assert w.api("/__api__/v1/user", key=False)[0] == 401
    assert json.loads(w.api("/__api__/v1/user")[1])["user_role"] == "administrator"
    content = json.loads(w.api("/__api__/v1/content?include=owner,vanity_url")[1])
    assert len(content) == 6 and content[5]["bundle_id"] is None and content[0]["owner"]["username"]
    assert json.loads(w.api("/__api__/server_settings/scheduler")[1])["min_processes_limit"] == 10
    assert w.api(f"/content/{content[0]['guid']}/")[0] == 200
    assert w.api(f"/content/{content[3]['guid']}/")[0] == 403, "an acl item is not visible to the administrator's key"
    visits = json.loads(w.api("/__api__/v1/instrumentation/content/visits?limit=500")[1])
    assert visits["results"] and visits["paging"]["cursors"]["next"] is None


def its_unit_is_systemds(w):
    status, out, _ = w.node("systemctl show rstudio-connect -p ActiveState,UnitFileState; systemctl is-enabled rstudio-connect")
    assert status == 0 and out.splitlines() == ["ActiveState=active", "UnitFileState=enabled", "enabled"], out
    assert w.node("pgrep -f opt/rstudio-connect")[0] == 0
    assert w.node("exit 7")[0] == 7


def a_backup_of_a_running_server_is_refused(w):
    status, _, err = w.run("backup", "take")
    assert status == 1 and "running" in err


def a_pod_beside_the_server_is_a_violation(w):
    assert w.upgrade()[0] == 0
    assert "VIOLATION" in w.names()
    assert w.helm("uninstall", RELEASE)[0] == 0
    end = time.monotonic() + 5
    while w.objects("pods")["items"] and time.monotonic() < end:
        time.sleep(0.01)
    assert "pod.end" in w.names() and w.names().count("VIOLATION") == 1


def users_go_out_and_the_server_stops(w):
    assert w.run("access", "close")[0] == 0
    assert w.api("/")[0] == 503
    w.node(f"echo '{{\"run\": 1}}' | tee {w.dir}/vm/var/lib/rstudio-connect/.connect-migrate >/dev/null")
    assert w.node("systemctl mask --now rstudio-connect")[0] == 0
    status, _, err = w.node("systemctl start rstudio-connect")
    assert status == 1 and "is masked" in err
    assert w.node("systemctl is-active rstudio-connect")[0] == 3 and w.node("pgrep -f connect")[0] == 1
    assert w.node("systemctl mask rstudio-connect")[0] == 0
    assert w.names()[-5:] == ["access.close", "marker.write", "service.mask", "service.stop", "noop"], w.names()
    assert w.run("backup", "take")[0] == 0
    try:
        w.api("/__ping__", w.info["ports"]["vm"])
        raise AssertionError("the stopped server answers")
    except urllib.error.URLError:
        pass


TEMPORARY = "config:\n  Scheduler:\n    MinProcessesLimit: 0\n  Applications:\n    ScheduleConcurrency: 0\n"


def it_deploys_and_answers_through_a_port_forward(w):
    with open(f"{w.dir}/temporary.yaml", "w") as f:
        f.write(TEMPORARY)
    assert w.kubectl("label", "sa", "default", "connect.posit.co/service-account=true")[0] == 0
    status, out, err = w.upgrade(values=("values.yaml", "temporary.yaml"))
    assert status == 0, err
    secrets = w.objects("secrets", "-l", f"owner=helm,name={RELEASE}")["items"]
    assert secrets[-1]["metadata"]["labels"]["status"] == "deployed"
    assert secrets[-1]["metadata"]["labels"]["connect-migrate/purpose"] == "deploy"
    pod = w.until_ready()
    assert w.kubectl("exec", pod, "-c", "connect", "--", "cat", "/var/lib/rstudio-connect/.connect-migrate")[1] == '{"run": 1}\n'
    process, port = w.forward()
    settings = json.loads(w.api("/__api__/server_settings", port)[1])
    assert settings["execution_type"] == "kubernetes"
    assert json.loads(w.api("/__api__/server_settings/scheduler", port)[1])["min_processes_limit"] == 0
    guid = json.loads(w.api("/__api__/v1/content", port)[1])[0]["guid"]

    def a_second_build_is_refused():
        """A build takes 10 ms here: the second one may come after its end, and is another then."""
        status, text = w.api(f"/__api__/v1/content/{guid}/build", port, "POST", {})
        assert status == 200, text
        again, why = w.api(f"/__api__/v1/content/{guid}/build", port, "POST", {})
        for task in [text] + ([why] if again == 200 else []):
            assert w.task(port, json.loads(task)["task_id"])["code"] == 0
        return again == 400 and json.loads(why)["code"] == 100

    until(a_second_build_is_refused)
    job = json.loads(w.api(f"/__api__/v1/content/{guid}/jobs", port)[1])[0]
    assert job["cluster"] == "Kubernetes" and job["status"] == 2, job
    assert w.api("/__api__/v1/tasks/0123456789abcdef", port)[0] == 404
    process.terminate()
    process.communicate()


def caches_are_deleted_by_task(w):
    process, port = w.forward()
    cache = {"language": "r", "version": "4.4.3", "image_name": "ghcr.io/example/connect-content:r4.4-py3.12"}
    path = "/__api__/v1/system/caches/runtime"
    assert json.loads(w.api(path, port, "DELETE", {**cache, "dry_run": True})[1])["task_id"] is None
    task = json.loads(w.api(path, port, "DELETE", cache)[1])["task_id"]
    assert w.task(port, task)["code"] == 0
    status, text = w.api(path, port, "DELETE", cache)
    assert status == 404 and json.loads(text)["code"] == 4
    assert w.names().count("cache.delete") == 1
    process.terminate()
    process.communicate()


def a_rolling_update_loses_the_port_forward(w):
    old = w.until_ready()
    process, port = w.forward()
    assert w.upgrade(purpose="revert")[0] == 0
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "lost connection to pod" in err
    assert w.until_ready() != old
    process, port = w.forward()
    assert json.loads(w.api("/__api__/server_settings/scheduler", port)[1])["min_processes_limit"] == 10
    process.terminate()
    process.communicate()
    assert w.names().count("VIOLATION") == 1, "two pods of one release are no violation"


def a_killed_helm_leaves_the_release_pending(w):
    with open(f"{w.dir}/drill", "w") as f:
        f.write("helm-killed\n")
    assert w.upgrade()[0] == -signal.SIGKILL
    os.unlink(f"{w.dir}/drill")
    status, _, err = w.upgrade()
    assert status == 1 and "another operation (install/upgrade/rollback) is in progress" in err
    pending = w.objects("secrets", "-l", f"owner=helm,name={RELEASE},status=pending-upgrade")["items"]
    assert len(pending) == 1
    assert w.kubectl("delete", "secret", pending[0]["metadata"]["name"])[0] == 0
    assert w.names()[-1] == "helm.unlock"
    assert w.upgrade()[0] == 0
    w.until_ready()


def a_wrong_password_keeps_the_pod_from_starting(w):
    bad = f"{w.dir}/bad.yaml"
    with open(bad, "w") as f:
        f.write("config:\n  Postgres:\n    URL: postgres://connect@nowhere.example.com:5432/connect?sslmode=disable\n")
    assert w.upgrade(values=("values.yaml", bad))[0] == 0

    def the_new_pod_says_why():
        pods = w.objects("pods")["items"]
        return len(pods) == 2 and "no such host" in w.kubectl("logs", pods[1]["metadata"]["name"], "--tail", "5")[1]
    until(the_new_pod_says_why)
    assert len(w.objects("pods")["items"]) == 2, "the old pod stays until the new one is ready"
    assert w.upgrade()[0] == 0
    w.until_ready()


def the_chart_refuses(w):
    bad = f"{w.dir}/bad.yaml"
    with open(bad, "w") as f:
        f.write("launcher: {enabled: true}\n")
    status, _, err = w.helm("template", RELEASE, "rstudio/rstudio-connect", "-f", f"{w.dir}/values.yaml", "-f", bad)
    assert status == 1 and "cannot both be true" in err
    out = w.helm("template", RELEASE, "rstudio/rstudio-connect", "-f", f"{w.dir}/values.yaml")[1]
    assert "DataDirPVCName = connect-data" in out and "# Source: rstudio-connect/templates/deployment.yaml" in out


def it_survives_a_kill(w):
    before = subprocess.run([PROGRAM, "dump", w.dir], capture_output=True, text=True, check=True).stdout
    pods = [p["metadata"]["name"] for p in w.objects("pods")["items"]]
    w.stop(signal.SIGKILL)
    assert w.run("kubectl", "get", "pods")[0] == 1
    w.start()
    assert [p["metadata"]["name"] for p in w.objects("pods")["items"]] == pods
    w.until_ready()
    assert subprocess.run([PROGRAM, "dump", w.dir], capture_output=True, text=True, check=True).stdout == before
    assert w.run("access", "open")[0] == 0
    assert json.loads(w.api("/__api__/server_settings")[1])["execution_type"] == "kubernetes"


# ---- accidents: each is seen while DIR/drill stands, and over when it is removed ----

class Drill:
    def __init__(self, world, name):
        self.world, self.name = world, name

    def __enter__(self):
        with open(f"{self.world.dir}/drill.new", "w") as f:
            f.write(self.name + "\n")
        os.rename(f"{self.world.dir}/drill.new", f"{self.world.dir}/drill")

    def __exit__(self, *_):
        os.unlink(f"{self.world.dir}/drill")


def only(w):
    """The newest pod's container state; empty while there is none."""
    pods = w.objects("pods")["items"]
    return pods[-1]["status"]["containerStatuses"][0] if pods else {}


def until(what, limit=60.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.01)
    raise AssertionError(f"{what.__name__} did not come true")


def restart_pod(w):
    for pod in w.objects("pods")["items"]:
        assert w.kubectl("delete", "pod", pod["metadata"]["name"])[0] == 0


def drill_helm(w):
    with Drill(w, "helm-fails"):
        status, _, err = w.upgrade()
        assert status == 1 and "admission webhook" in err
        assert w.objects("secrets", "-l", "owner=helm,status=failed")["items"]
    assert w.upgrade()[0] == 0
    with Drill(w, "foreign-helm"):
        assert w.upgrade()[0] == 0
        assert w.effects()[-1].get("by") == "somebody else"


def drill_pods(w):
    for name, reason in (("pod-never-ready", "ImagePullBackOff"), ("pod-crashes", "CrashLoopBackOff")):
        with Drill(w, name):
            restart_pod(w)

            def waiting():
                return only(w).get("state", {}).get("waiting", {}).get("reason") == reason
            until(waiting)
        w.until_ready()
    with Drill(w, "license-expired"):
        restart_pod(w)

        def it_was_asked():
            return any("statuscode: 402" in e["message"] for e in w.objects("events")["items"])
        until(it_was_asked)
        assert only(w)["ready"] is False
    w.until_ready()


def drill_builds(w):
    process, port = w.forward()
    guids = [c["guid"] for c in json.loads(w.api("/__api__/v1/content", port)[1]) if c["bundle_id"] and c["app_mode"] != "static"]

    def build(guid):
        return w.api(f"/__api__/v1/content/{guid}/build", port, "POST", {})

    def finished(guid):
        job = json.loads(w.api(f"/__api__/v1/content/{guid}/jobs", port)[1])[0]
        return job if job["status"] == 2 else None

    with Drill(w, "build-fails"):
        assert w.task(port, json.loads(build(guids[0])[1])["task_id"])["code"] == 1
        assert finished(guids[0])["exit_code"] == 1
    assert w.task(port, json.loads(build(guids[0])[1])["task_id"])["code"] == 0
    with Drill(w, "build-forgotten"):
        task = json.loads(build(guids[1])[1])["task_id"]
        status, text = w.api(f"/__api__/v1/tasks/{task}", port)
        assert status == 404 and json.loads(text)["code"] == 141

        def the_job_went_on():
            return finished(guids[1]) and finished(guids[1])["exit_code"] == 0
        until(the_job_went_on)
    with Drill(w, "api-502"):
        before = w.names().count("content.build")
        assert [build(g)[0] for g in guids[:2]] == [502, 502]
        assert w.names().count("content.build") == before + 1, "one of two was carried out"
    with Drill(w, "cache-delete-fails"):
        cache = {"language": "R", "version": "4.4.3", "image_name": "Local"}
        task = json.loads(w.api("/__api__/v1/system/caches/runtime", port, "DELETE", cache)[1])["task_id"]
        assert w.task(port, task)["code"] == 1
    process.terminate()
    process.communicate()


def psql(w, sql, **more):
    d = w.info["database"]
    env = {**os.environ, "PGPASSWORD": d["superuser_password"]}
    return subprocess.Popen(["psql", "-X", "-q", "-t", "-A", "-h", "127.0.0.1", "-p", d["port"], "-U", d["superuser"], "-d", d["core"], "-c", sql],
                            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def sessions(w):
    return int(psql(w, "select count(*) from pg_stat_activity where datname = current_database() and usename = 'connect'").communicate()[0])


TRIAL = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "trial"}, "spec": {"template": {"spec": {
    "containers": [{"name": "connect-content", "image": "ghcr.io/example/connect-content:r4.5-py3.13",
                    "command": ["sh", "-c", "id -u; cat $1/.connect-migrate; [ -x $2 ] && getent hosts db.example.com >/dev/null && echo fine", "sh",
                                "/data", "/opt/R/4.5.1/bin/R"],
                    "volumeMounts": [{"name": "v", "mountPath": "/data"}]}],
    "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "connect-data"}}]}}}}


def a_job_runs_with_the_claims_folder(w):
    assert w.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(TRIAL))[0] == 0
    assert w.kubectl("get", "job", "trial")[0] == 1, "a dry run makes nothing"
    with Drill(w, "admission-refuses"):
        assert "admission webhook" in w.kubectl("create", "-f", "-", stdin=json.dumps(TRIAL))[2]
    assert w.kubectl("create", "-f", "-", stdin=json.dumps(TRIAL))[0] == 0
    assert "AlreadyExists" in w.kubectl("create", "-f", "-", stdin=json.dumps(TRIAL))[2]
    until(lambda: w.objects("jobs", "trial")["status"].get("succeeded") == 1)
    pod = w.objects("pods", "-l", "job-name=trial")["items"][0]["metadata"]["name"]
    assert w.kubectl("logs", pod)[1] == '999\n{"run": 1}\nfine\n', w.kubectl("logs", pod)
    assert w.kubectl("delete", "job", "trial")[0] == 0 and not w.objects("pods", "-l", "job-name=trial")["items"]
    assert w.names()[-3:] == ["job.create", "image.pull", "job.delete"]


def drill_database(w):
    before = sessions(w)
    with Drill(w, "session-stays"):
        until(lambda: sessions(w) == before + 1)
    until(lambda: sessions(w) == before)
    ours = subprocess.Popen(["psql", "-X", "-q", "-h", "127.0.0.1", "-p", w.info["database"]["port"], "-U", "connect", "-d", "connect", "-c",
                             "set application_name = 'connect-migrate lock'; select pg_advisory_lock(4711), pg_sleep(600)"],
                            env={**os.environ, "PGPASSWORD": w.info["database"]["password"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held = "select count(*) from pg_locks where locktype = 'advisory' and granted"
    until(lambda: psql(w, held).communicate()[0].strip() == "1")
    with Drill(w, "lock-lost"):
        assert w.upgrade()[0] == 0
        assert ours.wait(60) != 0, "our session was ended"
        other = psql(w, "select a.application_name from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and l.objid = 4711")
        assert "another-run" in other.communicate()[0]
    until(lambda: psql(w, held).communicate()[0].strip() == "0")


def drill_what_is_seen(w):
    data = f"{w.dir}/vm/var/lib/rstudio-connect"
    pod = w.until_ready()
    with Drill(w, "datadir-local"):
        assert "ext4" in w.node(f"findmnt -J -T {data} -o FSTYPE")[1]
    with Drill(w, "license-no-offhost"):
        assert "Enable-Launcher: 0" in w.node("license-manager status")[1]
    with Drill(w, "versions-differ"):
        assert "2026.07.0" in w.node("/opt/rstudio-connect/bin/connect --version")[1]
    with Drill(w, "host-unreachable"):
        assert w.node("true")[0] == 255
    with Drill(w, "rights-missing"):
        assert w.kubectl("auth", "can-i", "create", "pods/exec")[0] == 1
        assert "Forbidden" in w.kubectl("get", "pv", "connect-data", "-o", "json")[2]
    with Drill(w, "wrong-storage"):
        assert w.kubectl("exec", pod, "--", "cat", "/var/lib/rstudio-connect/.connect-migrate")[0] == 1
    assert w.kubectl("exec", pod, "--", "cat", "/var/lib/rstudio-connect/.connect-migrate")[0] == 0
    with Drill(w, "webhook-fails"):
        with open(f"{w.dir}/secrets/webhook") as f:
            hook = f.read().strip().split(str(w.info["ports"]["public"]))[1]
        assert w.api(hook, method="POST", body={"text": "x"})[0] == 500
    assert w.api(hook, method="POST", body={"text": "x"})[0] == 200 and w.names()[-1] == "webhook"
    with Drill(w, "api-slow"):
        begin = time.monotonic()
        assert w.api("/__ping__")[0] == 200 and time.monotonic() - begin > 0.14


def the_way_back(w):
    with open(f"{w.dir}/zero.yaml", "w") as f:
        f.write("replicas: 0\n")
    assert w.run("access", "close")[0] == 0
    assert w.upgrade(values=("values.yaml", "zero.yaml"), purpose="scale")[0] == 0
    until(lambda: not w.objects("pods")["items"])
    until(lambda: sessions(w) == 0)
    violations = w.names().count("VIOLATION")
    assert w.node("systemctl unmask rstudio-connect && systemctl start rstudio-connect")[0] == 0
    with Drill(w, "service-comes-back"):
        assert w.node("systemctl mask --now rstudio-connect")[0] == 0
        until(lambda: w.node("systemctl is-active rstudio-connect")[0] == 0)
    assert w.names()[-2:] == ["service.unmask", "service.start"]
    assert w.run("access", "open")[1] == "vm\n" and w.api("/")[0] == 200
    assert w.names().count("VIOLATION") == violations


def nothing_secret_is_in_effects(w):
    with open(f"{w.dir}/effects.jsonl") as f:
        text = f.read()
    for secret in ("CANARY", w.info["api_key"], w.info["database"]["password"]):
        assert secret not in text


TESTS = [old_server_answers, its_unit_is_systemds, a_backup_of_a_running_server_is_refused, a_pod_beside_the_server_is_a_violation,
         users_go_out_and_the_server_stops, it_deploys_and_answers_through_a_port_forward, caches_are_deleted_by_task,
         a_rolling_update_loses_the_port_forward, a_killed_helm_leaves_the_release_pending, a_wrong_password_keeps_the_pod_from_starting,
         the_chart_refuses, it_survives_a_kill, drill_helm, drill_pods, drill_builds, a_job_runs_with_the_claims_folder,
         drill_database, drill_what_is_seen, the_way_back,
         nothing_secret_is_in_effects]


def main():
    if not glob.glob("/usr/lib/postgresql/*/bin/initdb") and shutil.which("initdb") is None:
        print("1..0 # SKIP PostgreSQL's initdb is not installed")
        return 0
    folder = tempfile.mkdtemp(prefix="connect-migrate-smoke-")
    world = World(folder).start()
    failed = 0
    print(f"1..{len(TESTS)}")
    try:
        for number, test in enumerate(TESTS, 1):
            try:
                test(world)
                print(f"ok {number} - {test.__name__}")
            except Exception as e:
                failed += 1
                print(f"not ok {number} - {test.__name__}")
                print("".join(f"# {line}\n" for line in "".join(traceback.format_exception(e)).splitlines()), end="")
    finally:
        world.stop()
        data = world.info["postgres_data"]
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.basename(data).startswith("connect-migrate-postgres-"):
            shutil.rmtree(data, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
