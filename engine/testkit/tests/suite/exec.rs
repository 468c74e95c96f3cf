use crate::small;
use futures::{SinkExt as _, StreamExt as _};
use runbook_testkit::{ApiServer, Cut, ExecFault, Fault, Kubelet, On, Quirk, Script};
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

#[derive(Debug, Default)]
struct Ran {
    stdout: Vec<u8>,
    stderr: String,
    status: Option<Value>,
    closed: bool,
}

impl Ran {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    fn exit(&self) -> Option<i32> {
        let status = self.status.as_ref()?;
        match status["status"].as_str()? {
            "Success" => Some(0),
            _ => status["details"]["causes"][0]["message"].as_str()?.parse().ok(),
        }
    }
}

const NODE_1: &str = "kube-system/pods/calico-node-a";
const CART: &str = "shop/pods/cart-0";

async fn exec(server: &ApiServer, pod: &str, argv: &[&str]) -> Ran {
    exec_with(server, pod, argv, "v5.channel.k8s.io, v4.channel.k8s.io", None)
        .await
        .unwrap()
}

async fn exec_with(
    s: &ApiServer,
    pod: &str,
    argv: &[&str],
    speaks: &str,
    stdin: Option<&str>,
) -> Result<Ran, Box<Error>> {
    let ws = s.url.replace("http", "ws");
    let mut url = format!(
        "{ws}/api/v1/namespaces/{pod}/exec?stdout=true&stderr=true&stdin={}",
        stdin.is_some()
    );
    for word in argv {
        let hex: String = word.bytes().map(|b| format!("%{b:02x}")).collect();
        url += &format!("&command={hex}");
    }
    let mut request = url.into_client_request().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", speaks.parse().unwrap());
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {}", s.token).parse().unwrap());
    let (mut socket, response) = connect_async(request).await.map_err(Box::new)?;
    let spoken = response.headers()["sec-websocket-protocol"]
        .to_str()
        .unwrap()
        .to_string();
    assert!(speaks.starts_with(&spoken), "{spoken}");
    if let Some(typed) = stdin {
        let frame = [&[0], typed.as_bytes()].concat();
        socket.send(Message::Binary(frame.into())).await.unwrap();
        socket.send(Message::Binary(vec![255, 0].into())).await.unwrap();
    }
    let mut ran = Ran::default();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(b) => match b.as_ref() {
                [1, rest @ ..] => ran.stdout.extend_from_slice(rest),
                [2, rest @ ..] => ran.stderr += &String::from_utf8_lossy(rest),
                [3, rest @ ..] => ran.status = serde_json::from_slice(rest).ok(),
                _ => {}
            },
            Message::Close(_) => ran.closed = true,
            _ => {}
        }
    }
    Ok(ran)
}

#[tokio::test]
async fn commands_answer_as_recorded() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new()).unwrap();
    let ran = exec(&s, NODE_1, &["ip", "-j", "route"]).await;
    assert_eq!(
        (ran.exit(), ran.text().contains("198.18.0.254"), ran.closed),
        (Some(0), true, true)
    );
    let ran = exec(&s, CART, &["ping", "-c", "3", "10.65.0.2"]).await;
    assert_eq!((ran.exit(), ran.text().as_str()), (Some(1), "0 received"));
    assert_eq!(ran.status.unwrap()["reason"], "NonZeroExitCode");
    let ran = exec(&s, NODE_1, &["sh", "-c", "echo 'a b'; exit 3"]).await;
    assert_eq!((ran.exit(), ran.text().as_str()), (Some(3), "from the record\n"));
    let ran = exec(&s, NODE_1, &["ip", "-6", "route"]).await;
    assert_eq!(
        (ran.exit(), ran.stderr.as_str()),
        (Some(255), "ip: not recorded: -6 route\n")
    );
    assert_eq!(
        s.execs()[0].exec,
        Some(("worker-1".into(), vec!["ip".into(), "-j".into(), "route".into()]))
    );
}

#[tokio::test]
async fn a_framing_script_runs_as_on_a_node() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new()).unwrap();
    let script = r#"d=$(mktemp -d) || exit 9
timeout -k 1 5 ip -j route >$d/out 2>$d/err; printf 'rc=%s ' $?
cat $d/out | base64 | head -c 8; rm -rf $d
printf '|%s|%s|' "$(hostname)" "$(cat /proc/net/dev)"
bridge fdb 2>/dev/null; printf '%s|' $?
cat /etc/passwd /gone 2>&1; head -c 5 /etc/hostname 2>/dev/null; printf '|%s|' $?
sh -c 'exit 4'; printf '%s|' $?
timeout 0.2 sleep 30; printf '%s|' $?
printf end >&2; exit 7"#;
    let ran = exec(&s, NODE_1, &["sh", "-c", script]).await;
    assert_eq!(
        ran.text(),
        "rc=0 W3siZHN0|worker-1|recorded dev|127|cat: /etc/passwd: No such file or directory\n\
         cat: /gone: No such file or directory\n|1|4|124|"
    );
    assert_eq!((ran.exit(), ran.stderr.as_str()), (Some(7), "end"));
    let typed = exec_with(
        &s,
        NODE_1,
        &["sh"],
        "v5.channel.k8s.io",
        Some("hostname; cat; echo done\n"),
    )
    .await
    .unwrap();
    assert_eq!((typed.exit(), typed.text().as_str()), (Some(0), "worker-1\ndone\n"));
    let old = exec_with(&s, CART, &["sh", "-c", "kill -9 $$"], "v4.channel.k8s.io", None)
        .await
        .unwrap();
    assert_eq!(old.exit(), Some(137));
}

#[tokio::test]
async fn refusals_are_those_of_a_kubelet() {
    let dir = small::snapshot();
    let script = Script::new()
        .quirk("shop/cart-0", Quirk::Missing("sh".into()))
        .fault(On::exec("worker-2"), Fault::Exec(ExecFault::Dead(Kubelet::NoRoute)))
        .fault(On::exec("shop/web-1"), Fault::Status(403));
    let s = ApiServer::start(&dir, script).unwrap();
    let ran = exec(&s, CART, &["sh", "-c", "true"]).await.status.unwrap();
    assert_eq!((&ran["code"], &ran["reason"]), (&500.into(), &"InternalError".into()));
    assert!(
        ran["message"]
            .as_str()
            .unwrap()
            .contains("exec: \"sh\": executable file not found in $PATH"),
        "{ran}"
    );
    let ran = exec(&s, "kube-system/pods/calico-node-b", &["ip", "-j", "route"])
        .await
        .status
        .unwrap();
    assert!(
        ran["message"].as_str().unwrap().ends_with("connect: no route to host"),
        "{ran}"
    );
    let refused = exec_with(&s, "shop/pods/web-1", &["ip"], "v4.channel.k8s.io", None)
        .await
        .unwrap_err();
    assert!(matches!(&*refused, Error::Http(r) if r.status() == 403), "{refused:?}");
    let unknown = exec_with(&s, "shop/pods/none", &["ip"], "v4.channel.k8s.io", None)
        .await
        .unwrap_err();
    assert!(matches!(&*unknown, Error::Http(r) if r.status() == 404), "{unknown:?}");
}

#[tokio::test]
async fn connections_break() {
    let dir = small::snapshot();
    let cut = |how| Fault::Exec(ExecFault::Cut { after: 5, how });
    let script = Script::new()
        .fault_times(1, On::exec("worker-1"), cut(Cut::LooksFine))
        .fault_times(1, On::exec("worker-1"), cut(Cut::Abrupt))
        .fault_times(1, On::exec("worker-1"), Fault::Exec(ExecFault::Garbage))
        .fault_times(1, On::exec("worker-1"), Fault::Exec(ExecFault::Silent));
    let s = ApiServer::start(&dir, script).unwrap();
    let ran = exec(&s, NODE_1, &["ip", "-j", "route"]).await;
    assert_eq!(
        (ran.text().as_str(), ran.exit(), ran.closed),
        (r#"[{"ds"#, Some(0), true)
    );
    let ran = exec(&s, NODE_1, &["ip", "-j", "route"]).await;
    assert_eq!((ran.text().as_str(), ran.exit(), ran.closed), (r#"[{"ds"#, None, false));
    assert_eq!(exec(&s, NODE_1, &["ip", "-j", "route"]).await.exit(), None);
    let silent = tokio::time::timeout(Duration::from_millis(300), exec(&s, NODE_1, &["ip", "-j", "route"])).await;
    assert!(silent.is_err());
    assert_eq!(exec(&s, NODE_1, &["ip", "-j", "route"]).await.exit(), Some(0));
}

#[tokio::test]
async fn tools_misbehave() {
    let dir = small::snapshot();
    let script = Script::new()
        .quirk("worker-1", Quirk::CalicoNodeImage)
        .quirk("worker-1", Quirk::Dies("ip".into()))
        .quirk("worker-2", Quirk::Huge("ip".into(), 3_000_000))
        .quirk(
            "worker-2",
            Quirk::Latency("hostname".into(), Duration::from_millis(150)),
        )
        .quirk("shop/cart-0", Quirk::Garbage("ping".into()))
        .quirk("shop/cart-0", Quirk::Hangs("curl".into()))
        .quirk("shop/web-1", Quirk::answer(&["ip", "addr"], "made up", 2));
    let s = ApiServer::start(&dir, script).unwrap();
    let node_2 = "kube-system/pods/calico-node-b";
    let ran = exec(&s, NODE_1, &["ip", "-j", "route"]).await;
    assert_eq!(
        (ran.exit(), ran.text().as_str()),
        (Some(137), r#"[{"dst":"default","gateway":"#)
    );
    assert!(
        exec(&s, NODE_1, &["ss", "-tin"]).await.status.unwrap()["message"]
            .as_str()
            .unwrap()
            .contains("not found")
    );
    assert_eq!(exec(&s, node_2, &["ip", "-j", "route"]).await.stdout.len(), 3_000_000);
    let start = std::time::Instant::now();
    assert_eq!(exec(&s, node_2, &["hostname"]).await.text(), "worker-2\n");
    assert!(start.elapsed() >= Duration::from_millis(150));
    let ran = exec(&s, CART, &["ping", "x"]).await;
    assert!(ran.exit() == Some(0) && String::from_utf8(ran.stdout).is_err());
    let web = exec_with(&s, "shop/pods/web-1", &["ip", "addr"], "v5.channel.k8s.io", None)
        .await
        .unwrap_err();
    assert!(
        matches!(&*web, Error::Http(r) if r.status() == 400),
        "two containers, none named: {web:?}"
    );
}

#[tokio::test]
async fn nothing_outlives_the_server() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new().quirk("*", Quirk::Hangs("ip".into()))).unwrap();
    let argv = ["sh", "-c", "setsid sleep 400 & timeout 300 ip -j route"];
    let has = |left: &[(i32, Vec<String>)], word: &str| left.iter().any(|(_, argv)| argv.iter().any(|a| a == word));
    let left = tokio::select! {
        _ = exec(&s, NODE_1, &argv) => panic!("it ended"),
        left = async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let left = s.running();
                if has(&left, "400") && has(&left, "300") {
                    return left;
                }
            }
        } => left,
    };
    // The client is gone, the processes are not.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(has(&s.running(), "300"));
    drop(s);
    for (pid, argv) in left {
        let alive = std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|c| !c.is_empty());
        assert!(!alive, "{argv:?}");
    }
}
