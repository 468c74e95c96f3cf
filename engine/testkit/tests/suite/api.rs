use crate::small;
use reqwest::{Client, Response};
use runbook_testkit::{ApiServer, Fault, On, Script};
use serde_json::Value;
use std::time::Duration;

async fn get_as(server: &ApiServer, path: &str, accept: &str) -> Response {
    let request = Client::new()
        .get(format!("{}{path}", server.url))
        .bearer_auth(&server.token);
    request.header("accept", accept).send().await.unwrap()
}

async fn get(server: &ApiServer, path: &str) -> (u16, Value) {
    let response = get_as(server, path, "application/json").await;
    let code = response.status().as_u16();
    let text = response.text().await.unwrap();
    (code, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn names(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["metadata"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn lists_and_objects_come_from_the_files() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new()).unwrap();
    assert_eq!(get(&s, "/version").await.1["gitVersion"], "v1.34.2");
    assert_eq!(get(&s, "/apis/crd.projectcalico.org").await.1["kind"], "APIGroup");
    assert_eq!(get(&s, "/api/v1").await.1["resources"][0]["name"], "pods");
    assert_eq!(
        names(&get(&s, "/api/v1/namespaces/shop/pods").await.1),
        ["cart-0", "web-1"]
    );
    let (code, pod) = get(&s, "/api/v1/namespaces/shop/pods/cart-0").await;
    assert_eq!(
        (code, &pod["kind"], &pod["apiVersion"]),
        (200, &"Pod".into(), &"v1".into())
    );
    assert_eq!(get(&s, "/api/v1/namespaces/shop").await.1["kind"], "Namespace");
    assert_eq!(
        names(&get(&s, "/apis/crd.projectcalico.org/v1/ippools").await.1),
        ["default"]
    );
    let (code, missing) = get(&s, "/api/v1/namespaces/shop/pods/none").await;
    assert_eq!((code, &missing["reason"]), (404, &"NotFound".into()));
    assert_eq!(missing["message"], "pods \"none\" not found");
    for path in [
        "/apis/example.org/v1/things",
        "/api/v1/things",
        "/nowhere",
        "/api/v1/namespaces/shop/nodes",
    ] {
        assert_eq!(get(&s, path).await, (404, "404 page not found\n".into()), "{path}");
    }
    let (code, secret) = get(&s, "/api/v1/namespaces/shop/secrets").await;
    assert_eq!(code, 403);
    assert_eq!(
        secret["message"],
        "secrets is forbidden: User \"runbook-test\" cannot list resource \"secrets\" in API group \"\" in the namespace \"shop\""
    );
}

#[tokio::test]
async fn selectors_of_both_kinds() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new()).unwrap();
    for (query, wanted) in [
        (
            "labelSelector=k8s-app%3Dcalico-node",
            vec!["calico-node-a", "calico-node-b"],
        ),
        ("labelSelector=k8s-app+in+(cart,web)", vec!["cart-0", "web-1"]),
        (
            "labelSelector=k8s-app+notin+(cart,web),k8s-app",
            vec!["calico-node-a", "calico-node-b"],
        ),
        ("labelSelector=!k8s-app", vec![]),
        ("labelSelector=other!=x,k8s-app==web", vec!["web-1"]),
        (
            "fieldSelector=spec.nodeName%3Dworker-1,status.phase!=Failed",
            vec!["calico-node-a", "cart-0"],
        ),
        (
            "fieldSelector=metadata.namespace%3Dshop&labelSelector=k8s-app%3Dweb",
            vec!["web-1"],
        ),
    ] {
        assert_eq!(
            names(&get(&s, &format!("/api/v1/pods?{query}")).await.1),
            wanted,
            "{query}"
        );
    }
    assert_eq!(get(&s, "/api/v1/pods?labelSelector=a+b+c").await.0, 400);
}

#[tokio::test]
async fn pages_are_real() {
    let dir = small::snapshot();
    let script = Script::new().fault_times(1, On::Continue, Fault::Status(410));
    let s = ApiServer::start(&dir, script).unwrap();
    let first = get(&s, "/api/v1/pods?limit=3").await.1;
    assert_eq!(
        (names(&first).len(), &first["metadata"]["remainingItemCount"]),
        (3, &1.into())
    );
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (code, expired) = get(&s, &format!("/api/v1/pods?limit=3&continue={token}")).await;
    assert_eq!((code, &expired["reason"]), (410, &"Expired".into()));
    let last = get(&s, &format!("/api/v1/pods?limit=3&continue={token}")).await.1;
    assert_eq!(names(&last), ["web-1"]);
    assert_eq!(last["metadata"]["continue"], Value::Null);
    assert_eq!(get(&s, &format!("/api/v1/nodes?continue={token}")).await.0, 400);
    assert_eq!(get(&s, "/api/v1/pods?continue=rubbish").await.0, 400);
}

#[tokio::test]
async fn clients_say_which_form_they_want() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new()).unwrap();
    let meta = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let list: Value = get_as(&s, "/api/v1/pods", meta).await.json().await.unwrap();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["spec"], Value::Null);
    assert_eq!(
        get_as(&s, "/api/v1/pods", "application/vnd.kubernetes.protobuf")
            .await
            .status(),
        406
    );
    let all = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let apis: Value = get_as(&s, "/apis", all).await.json().await.unwrap();
    assert_eq!(
        apis["items"][0]["versions"][0]["resources"][0]["responseKind"]["kind"],
        "IPPool"
    );
    let api: Value = get_as(&s, "/api", all).await.json().await.unwrap();
    assert_eq!(
        api["items"][0]["versions"][0]["resources"][0]["subresources"][0]["subresource"],
        "log"
    );
    let old = ApiServer::start(&dir, Script::new().plain_discovery()).unwrap();
    let apis: Value = get_as(&old, "/apis", all).await.json().await.unwrap();
    assert_eq!(apis["kind"], "APIGroupList");
}

#[tokio::test]
async fn a_token_is_needed_and_requests_are_counted() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new()).unwrap();
    let bare = Client::new().get(format!("{}/version", s.url)).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(bare.json::<Value>().await.unwrap()["reason"], "Unauthorized");
    get(&s, "/api/v1/pods?limit=1").await;
    let seen: Vec<_> = s.requests().iter().map(|r| (r.path.clone(), r.status)).collect();
    assert_eq!(seen, [("/version".into(), 401), ("/api/v1/pods".into(), 200)]);
    assert_eq!(s.requests()[1].query("limit"), Some("1"));
    assert!(std::fs::read_to_string(&s.kubeconfig_path).unwrap().contains(&s.token));
    s.forget_requests();
    assert_eq!(s.requests().len(), 0);
}

#[tokio::test]
async fn the_log_of_a_node_is_merged_by_time() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new()).unwrap();
    let log = "/api/v1/namespaces/kube-system/pods/calico-node-a/log";
    let whole = get(&s, &format!("{log}?container=calico-node")).await.1;
    assert_eq!(
        whole,
        "2026-11-24T16:30:55.00000 felix one\n  more of it\n2026-11-24 16:30:56.000 start\n2026-11-24T16:30:57.00000 felix two\n"
    );
    assert_eq!(
        get(&s, &format!("{log}?tailLines=1")).await.1,
        "2026-11-24T16:30:57.00000 felix two\n"
    );
    let (code, s1) = get(&s, &format!("{log}?container=none")).await;
    assert_eq!(
        (code, s1["message"].as_str().unwrap()),
        (400, "container none is not valid for pod calico-node-a")
    );
    assert_eq!(get(&s, "/api/v1/namespaces/shop/pods/web-1/log").await.0, 400);
    assert_eq!(get(&s, "/api/v1/namespaces/shop/pods/none/log").await.0, 404);
}

#[tokio::test]
async fn what_goes_wrong_looks_real() {
    let dir = small::snapshot();
    let script = Script::new()
        .fault_times(2, On::path("/api/v1/nodes"), Fault::TooMany { retry_after: 3 })
        .fault(On::path("/apis/*"), Fault::Html(502))
        .fault(On::path("/api/v1/namespaces/shop/pods"), Fault::Status(403))
        .fault(On::path("/api/v1/namespaces/shop/pods/web-1"), Fault::CutBody(10))
        .fault(On::path("/api/v1/namespaces"), Fault::Hang)
        .fault(On::path("/version"), Fault::Slow(Duration::from_millis(120)))
        .fault(On::path("/api"), Fault::Status(503));
    let s = ApiServer::start(&dir, script).unwrap();
    for wanted in [429, 429, 200] {
        let response = get_as(&s, "/api/v1/nodes", "application/json").await;
        assert_eq!(response.status(), wanted);
        assert_eq!(
            response.headers().get("retry-after").map(|v| v.to_str().unwrap()),
            (wanted == 429).then_some("3")
        );
    }
    let html = get_as(&s, "/apis/crd.projectcalico.org/v1/ippools", "application/json").await;
    assert_eq!(
        (html.status().as_u16(), html.headers()["content-type"].to_str().unwrap()),
        (502, "text/html")
    );
    let (code, no) = get(&s, "/api/v1/namespaces/shop/pods").await;
    assert_eq!((code, &no["details"]["kind"]), (403, &"pods".into()));
    let cut = get_as(&s, "/api/v1/namespaces/shop/pods/web-1", "application/json").await;
    assert!(cut.status().is_success() && cut.bytes().await.is_err());
    let slow = tokio::time::timeout(Duration::from_millis(200), get(&s, "/api/v1/namespaces")).await;
    assert!(slow.is_err(), "{slow:?}");
    let start = std::time::Instant::now();
    assert_eq!(get(&s, "/version").await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(120));
    assert_eq!(get(&s, "/api").await.1["reason"], "ServiceUnavailable");
}

#[tokio::test]
async fn a_review_knows_what_the_script_forbids() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new().fault(On::exec("*"), Fault::Status(403))).unwrap();
    for (sub, allowed) in [("exec", false), ("log", true)] {
        let review = serde_json::json!({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods",
            "subresource": sub, "namespace": "kube-system"}}});
        let url = format!("{}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", s.url);
        let answer = Client::new()
            .post(url)
            .bearer_auth(&s.token)
            .json(&review)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.json::<Value>().await.unwrap()["status"]["allowed"], allowed);
    }
}
