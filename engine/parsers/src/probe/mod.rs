//! Probes: tools that send traffic and say what came back.

pub mod arping;
pub mod cni_conflist;
pub mod curl_verbose;
pub mod curl_write_out;
pub mod dig;
pub mod iperf3;
pub mod mtr;
pub mod nc;
pub mod nslookup;
pub mod packet;
mod packet_layers;
pub mod pcap;
pub mod ping;
pub mod pod_sandbox_event;
pub mod resolv_conf;
pub mod tcpdump;
pub mod tracepath;
pub mod traceroute;
pub mod wg_show;

use crate::registry::{Example, Parser, to_json};

pub(crate) const PARSERS: &[Parser] = &[
    Parser {
        name: "ping",
        command: "ping -c 3 ADDRESS",
        versions: &["iputils 20221126", "busybox 1.35"],
        returns: "target, transmitted, received, loss_ratio, rtt_min_ms, rtt_avg_ms, rtt_max_ms, rtt_mdev_ms, replies, errors",
        example: Example {
            text: r"PING 198.18.0.2 (198.18.0.2) 56(84) bytes of data.
64 bytes from 198.18.0.2: icmp_seq=1 ttl=64 time=0.099 ms
64 bytes from 198.18.0.2: icmp_seq=2 ttl=64 time=0.114 ms
64 bytes from 198.18.0.2: icmp_seq=3 ttl=64 time=0.113 ms

--- 198.18.0.2 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 401ms
rtt min/avg/max/mdev = 0.099/0.108/0.114/0.006 ms",
            holds: "got.loss_ratio == 0.0 && got.rtt_avg_ms == 0.108",
        },
        parse: |text| to_json(ping::parse(text)),
    },
    Parser {
        name: "curl_write_out",
        command: "curl -w '{\"time_total\":%{time_total}}'",
        versions: &["curl 7.88"],
        returns: "exit_code, error, http_code, time_namelookup_s ... time_total_s, size_download_bytes, remote_ip",
        example: Example {
            text: r#"{"time_namelookup":0.000017,"time_connect":0.000255,"time_appconnect":0.000000,"time_pretransfer":0.000299,"time_starttransfer":0.009266,"time_total":0.009311,"size_download":33,"speed_download":3544,"http_code":200,"remote_ip":"10.66.140.72","exitcode":0,"errormsg":""}"#,
            holds: "got.http_code == 200 && got.exit_code == 0",
        },
        parse: |text| to_json(curl_write_out::parse(text)),
    },
    Parser {
        name: "curl_verbose",
        command: "curl -sv URL",
        versions: &["curl 7.88"],
        returns: "tried, connected, request, response {status, headers}, error {kind, text}, notes",
        example: Example {
            text: r"*   Trying 10.65.200.7:81...
* connect to 10.65.200.7 port 81 failed: Connection refused
* Failed to connect to 10.65.200.7 port 81 after 0 ms: Couldn't connect to server
* Closing connection 0",
            holds: r#"got.error.kind == "refused""#,
        },
        parse: |text| to_json(curl_verbose::parse(text)),
    },
    Parser {
        name: "nc",
        command: "nc -zv HOST PORT",
        versions: &["openbsd 1.219", "busybox 1.35", "traditional 1.10", "ncat 7.93"],
        returns: "outcome (succeeded, refused, timed_out, ...) and attempts {host, port, protocol, outcome}",
        example: Example {
            text: "Connection to 198.18.0.250 6443 port [tcp/*] succeeded!",
            holds: r#"got.outcome == "succeeded""#,
        },
        parse: |text| to_json(nc::parse(text)),
    },
    Parser {
        name: "dig",
        command: "dig NAME",
        versions: &["BIND 9.18"],
        returns: "status, flags, question, answers {name, ttl_s, kind, value}, short, server, errors, unreachable",
        example: Example {
            text: r";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 2985
;; flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1
;; ANSWER SECTION:
catalog.shop.svc.cluster.local.	0 IN	A	10.96.71.5",
            holds: r#"got.status == "NOERROR" && got.answers[0].kind == "A""#,
        },
        parse: |text| to_json(dig::parse(text)),
    },
    Parser {
        name: "nslookup",
        command: "nslookup NAME",
        versions: &["BIND 9.18", "busybox 1.35"],
        returns: "server, answers {name, address}, error, notes",
        example: Example {
            text: r"Server:		10.96.0.10
Address:	10.96.0.10#53

Name:	catalog.shop.svc.cluster.local
Address: 10.96.71.5",
            holds: r#"got.answers[0].address == "10.96.71.5""#,
        },
        parse: |text| to_json(nslookup::parse(text)),
    },
    Parser {
        name: "tracepath",
        command: "tracepath -n ADDRESS",
        versions: &["iputils 20221126"],
        returns: "hops {hop, address, time_ms, pmtu, error}, pmtu (bytes), reached, too_many_hops",
        example: Example {
            text: r" 1?: [LOCALHOST]                      pmtu 1450
 1:  198.18.0.1                                            0.061ms
 2:  no reply
     Too many hops: pmtu 1450",
            holds: "got.pmtu == 1450 && got.too_many_hops",
        },
        parse: |text| to_json(tracepath::parse(text)),
    },
    Parser {
        name: "traceroute",
        command: "traceroute -n ADDRESS",
        versions: &["traceroute 2.1", "busybox 1.35"],
        returns: "target, hops {hop, probes {address, time_ms, note}}, reached, errors",
        example: Example {
            text: r"traceroute to 10.65.200.7 (10.65.200.7), 30 hops max, 60 byte packets
 1  198.18.0.1  0.070 ms * *",
            holds: "got.hops[0].probes.len() > 0",
        },
        parse: |text| to_json(traceroute::parse(text)),
    },
    Parser {
        name: "mtr",
        command: "mtr -n -j ADDRESS",
        versions: &["mtr 0.95 text", "mtr 0.95 JSON", "mtr 0.93 JSON"],
        returns: "source, target, hops {hop, host, loss_ratio, sent, avg_ms, ...}",
        example: Example {
            text: r"Start: 2026-11-24T15:26:28+0000
HOST: frontend-6d4cf56db6-x7k2p   Loss%   Snt   Last   Avg  Best  Wrst StDev
  1.|-- 198.18.0.1                30.0%    10    0.1   0.1   0.1   0.2   0.0
  2.|-- 10.65.23.128              30.0%    10    0.2   0.3   0.1   0.7   0.2
  3.|-- 10.65.23.133              30.0%    10    0.2   0.2   0.1   0.2   0.0",
            holds: "got.hops[2].loss_ratio == 0.3",
        },
        parse: |text| to_json(mtr::parse(text)),
    },
    Parser {
        name: "arping",
        command: "arping -c 2 -I NAME ADDRESS",
        versions: &["iputils 20221126", "busybox 1.35"],
        returns: "target, replies {address, mac, time_ms}, sent, received, macs",
        example: Example {
            text: r"ARPING 169.254.1.1 from 10.65.10.67 eth0
Unicast reply from 169.254.1.1 [EE:EE:EE:EE:EE:EE]  0.528ms
Unicast reply from 169.254.1.1 [EE:EE:EE:EE:EE:EE]  0.543ms
Sent 2 probes (1 broadcast(s))
Received 2 response(s)",
            holds: "got.received == 2",
        },
        parse: |text| to_json(arping::parse(text)),
    },
    Parser {
        name: "iperf3",
        command: "iperf3 -J -c ADDRESS",
        versions: &["iperf3 3.12"],
        returns: "error, protocol, sent and received {bytes, seconds_s, rate_bps}, retransmits, jitter_ms, lost_ratio, intervals",
        example: Example {
            text: r#"{
	"start":	{
		"connected":	[],
		"version":	"iperf 3.12",
		"system_info":	"Linux frontend-6d4cf56db6-x7k2p 6.18.44-fc-v669 #1 SMP PREEMPT_DYNAMIC @0 x86_64"
	},
	"intervals":	[],
	"end":	{
	},
	"error":	"unable to connect to server: Connection refused"
}"#,
            holds: r#"got.error.contains("Connection refused")"#,
        },
        parse: |text| to_json(iperf3::parse(text)),
    },
    Parser {
        name: "tcpdump",
        command: "tcpdump -nn -i NAME",
        versions: &["tcpdump 4.99"],
        returns: "packets {time, dev, src, dst, protocol, tcp_flags, icmp, vni, length, inner}, captured, dropped_by_kernel",
        example: Example {
            text: "15:35:19.913461 ARP, Request who-has 198.18.0.99 tell 198.18.0.1, length 28",
            holds: r#"got.packets[0].arp == "request""#,
        },
        parse: |text| to_json(tcpdump::parse(text)),
    },
    Parser {
        name: "resolv_conf",
        command: "cat /etc/resolv.conf",
        versions: &["glibc 2.36"],
        returns: "nameservers, search, ndots, timeout_s, attempts, options",
        example: Example {
            text: r"search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5",
            holds: r#"got.ndots == 5 && got.nameservers[0] == "10.96.0.10""#,
        },
        parse: |text| to_json(resolv_conf::parse(text)),
    },
    Parser {
        name: "cni_conflist",
        command: "cat /etc/cni/net.d/10-calico.conflist",
        versions: &["CNI 0.3.1", "CNI 1.0.0"],
        returns: "name, cni_version, plugins {kind, ipam, mtu (bytes), nodename, kubeconfig, other}",
        example: Example {
            text: r#"{
  "name": "k8s-pod-network",
  "cniVersion": "1.0.0",
  "plugins": [
    {
      "type": "calico",
      "log_level": "info",
      "log_file_path": "/var/log/calico/cni/cni.log",
      "datastore_type": "kubernetes",
      "nodename": "kworker-1",
      "mtu": 0,
      "ipam": {
          "type": "calico-ipam"
      },
      "policy": {
          "type": "k8s"
      },
      "kubernetes": {
          "kubeconfig": "/etc/cni/net.d/calico-kubeconfig"
      }
    },
    {
      "type": "portmap",
      "snat": true,
      "capabilities": {"portMappings": true}
    }
  ]
}"#,
            holds: r#"got.plugins[0].nodename == "kworker-1""#,
        },
        parse: |text| to_json(cni_conflist::parse(text)),
    },
    Parser {
        name: "pod_sandbox_event",
        command: "kubectl get events --field-selector reason=FailedCreatePodSandBox",
        versions: &["Calico 3.34", "Calico 3.28"],
        returns: "kind (pool_exhausted, unauthorized, ...), sandbox, plugin, operation, pools, node, text",
        example: Example {
            text: r#"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "53f5fdd781e27c94e1ad5e92d77eba80e9ca691a3099cfb5ec03385addde51a8": plugin type="calico" failed (add): no configured Calico pools for node kworker-3"#,
            holds: r#"got.kind == "no_pool_for_node" && got.node == "kworker-3""#,
        },
        parse: |text| to_json(pod_sandbox_event::parse(text)),
    },
    Parser {
        name: "wg_show",
        command: "wg show",
        versions: &["wireguard-tools 1.0"],
        returns: "list of devices: name, listening_port, fwmark, peers {endpoint, allowed_ips, latest_handshake_s, received_bytes}",
        example: Example {
            text: r"interface: wireguard.cali
  public key: RZqgcaIoHZz/kOGoSzbfRtLAihwBUb5SIA/sFHb2nlw=
  private key: (hidden)
  listening port: 51820
  fwmark: 0x200000

peer: BmPp8T9+OyaEQe/VFIxuNIv+Cf+EUPyxPSMDg3MqgFo=
  endpoint: 198.18.0.3:51820
  allowed ips: 10.65.200.0/26
  latest handshake: 6 seconds ago
  transfer: 4.43 KiB received, 5.36 KiB sent",
            holds: "got[0].listening_port == 51820 && got[0].peers[0].received_bytes == 4536",
        },
        parse: |text| to_json(wg_show::parse(text)),
    },
    Parser {
        name: "pcap",
        command: "tcpdump -nn -c 20 -w - -i NAME | base64",
        versions: &["pcap 2.4", "pcapng 1.0"],
        returns: "format, packets {time_s, src, dst, protocol, tcp_flags, icmp, mtu, vni, wireguard, inner}, truncated",
        example: Example {
            text: r"1MOyoQIABAAAAAAAAAAAAAAABAAUAQAAmNUFa1mvCgBoAAAAaAAAAAgAAAAAAAADAAEEBmYAAAAA
AQAARQAAVC3aQABAAdaNCkEKQApBF4AIAPyde54AAZjVBWsAAAAAGK8KAAAAAAAQERITFBUWFxgZ
GhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3mNUFa5uvCgCaAAAAmgAAAAgAAAAAAAACAAEE
BgJSEyMcWwAARQAAhg14AABAEejrwAACAcAAAgLmYBK1AHKEhwgAAAAAEAAAZgAAAAACZgAAAAAB
CABFAABULdpAAEAB1o0KQQpACkEXgAgA/J17ngABmNUFawAAAAAYrwoAAAAAABAREhMUFRYXGBka
GxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1NjeY1QVr268KAJoAAACaAAAACAAAAAAAAAIAAQAG",
            holds: r#"got.packets[0].icmp == "echo_request""#,
        },
        parse: |text| to_json(pcap::parse(text)),
    },
];
