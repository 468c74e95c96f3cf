//! Commands on nodes and in pods: rung by rung, the least access that answers.

use super::{
    agents::Agents,
    api::{self, Api},
    batch::Batch,
    count::RoundTrips,
    exec::{Exec, ExecError, Place},
    frame::{Collector, Found, Job, Script},
    options::{Limits, ViaChoice},
    pump::Patience,
    ssh::Ssh,
};
use runbook_core::{Failure, PodRef, Target, Via};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// For a first sign of life, where there is another rung to try.
const FIRST_SIGN: Duration = Duration::from_secs(10);
/// A rung that did not work is not tried again for so long: a dead node costs its deadline once in a run, and a person
/// who repaired it and goes on in the same run is believed after a while.
const REST: Duration = Duration::from_secs(300);
/// Silence for so long is taken for an answer.
const ENOUGH: Duration = Duration::from_secs(3);
/// Our own clocks go off before the asker's, so that reasons are known and remembered.
const MARGIN: Duration = Duration::from_millis(50);
const NO_END_MARK: &str =
    "no shell in the container: ran without an end mark, so a cut connection would look like an answer";
const NO_BOUND: &str = "no `timeout` there: ran without a bound on the other side";

#[derive(Debug)]
pub(crate) struct Ladder {
    via: ViaChoice,
    limits: Limits,
    pub(crate) api: Arc<Api>,
    agents: Agents,
    pub(crate) ssh: Ssh,
    counts: Arc<RoundTrips>,
    targets: Semaphore,
    resting: Mutex<HashMap<(String, Via), (Instant, Failure)>>,
}

/// What a rung gave: an answer for each job, and why it ended early, if so.
struct Given {
    found: Vec<Found>,
    trouble: Option<Failure>,
    note: Option<&'static str>,
}

impl Ladder {
    pub(crate) fn new(via: ViaChoice, limits: Limits, api: Arc<Api>, ssh: Ssh, counts: Arc<RoundTrips>) -> Self {
        Ladder {
            via,
            agents: Agents::new(api.clone()),
            targets: Semaphore::new(limits.node_parallel.max(1)),
            limits,
            api,
            ssh,
            counts,
            resting: Mutex::default(),
        }
    }

    fn rungs(&self) -> &'static [Via] {
        match self.via {
            ViaChoice::Auto => &[Via::Exec, Via::Ssh],
            ViaChoice::Exec => &[Via::Exec],
            ViaChoice::Ssh => &[Via::Ssh],
        }
    }

    pub(crate) fn first_rung(&self) -> Via {
        self.rungs()[0]
    }

    /// Fills the batch with answers of a node.
    pub(crate) async fn node(&self, node: &str, batch: &mut Batch<'_>, deadline: Instant) {
        let Ok(_permit) = self.targets.acquire().await else {
            return;
        };
        let rungs = self.rungs();
        for (i, via) in rungs.iter().enumerate() {
            let open = batch.open();
            if open.is_empty() {
                return;
            }
            if let Some(failure) = self.is_resting(node, *via) {
                batch.rung_failed(*via, &failure);
                continue;
            }
            let patience = patience(deadline, i + 1 == rungs.len());
            let jobs = batch.jobs(&open, left(patience.end));
            let started = Instant::now();
            let given = match via {
                Via::Ssh => self.over_ssh(node, &jobs, patience).await,
                _ => self.in_agent(node, &jobs, patience).await,
            };
            match given {
                Ok(given) => batch.take(&open, *via, given.found, given.trouble.as_ref(), given.note),
                Err(failure) => {
                    // That a short time was not enough says nothing about the node.
                    if left(patience.first) > MARGIN || started.elapsed() >= ENOUGH {
                        self.rest(node, *via, &failure);
                    }
                    batch.rung_failed(*via, &failure);
                }
            }
        }
    }

    /// Fills the batch with answers of a pod.
    pub(crate) async fn pod(&self, pod: &PodRef, batch: &mut Batch<'_>, deadline: Instant) {
        let Ok(_permit) = self.targets.acquire().await else {
            return;
        };
        let open = batch.open();
        let patience = patience(deadline, true);
        let jobs = batch.jobs(&open, left(patience.end));
        let mut place = Place {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            container: pod.container.clone(),
        };
        let target = Target::Pod(PodRef::new(pod.namespace.clone(), pod.name.clone()));
        let mut given = self.exec(&target, &place, &jobs, patience).await;
        if let Err(ExecError::NeedsContainer) = given {
            match self.default_container(pod, deadline).await {
                Ok(container) => {
                    place.container = Some(container);
                    given = self.exec(&target, &place, &jobs, patience).await;
                }
                Err(failure) => given = Err(ExecError::Failed(failure)),
            }
        }
        match given {
            Ok(given) => batch.take(&open, Via::Exec, given.found, given.trouble.as_ref(), given.note),
            Err(ExecError::Failed(failure)) => batch.rung_failed(Via::Exec, &failure),
            Err(ExecError::NeedsContainer) => {
                batch.rung_failed(Via::Exec, &Failure::NotFound("the pod's container".into()))
            }
            Err(ExecError::NoShell(_)) => {
                let given = self.direct(&target, &place, &jobs, patience).await;
                batch.take(&open, Via::Exec, given.found, given.trouble.as_ref(), given.note);
            }
        }
    }

    /// What kubectl does: the annotation, else the first.
    pub(crate) async fn default_container(&self, pod: &PodRef, deadline: Instant) -> Result<String, Failure> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}",
            api::encoded(&pod.namespace),
            api::encoded(&pod.name)
        );
        let body = self
            .api
            .request(&path, &Target::Api, deadline)
            .await
            .map_err(|refused| refused.into_failure())?;
        let pod: serde_json::Value = serde_json::from_slice(&body)
            .map_err(|e| Failure::Server(format!("with something that is no pod: {e}")))?;
        pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"]
            .as_str()
            .or(pod["spec"]["containers"][0]["name"].as_str())
            .map(String::from)
            .ok_or_else(|| Failure::NotFound("a container in the pod".into()))
    }

    async fn in_agent(&self, node: &str, jobs: &[Job], patience: Patience) -> Result<Given, Failure> {
        let target = Target::Node(node.into());
        for again in [true, false] {
            let place = self.agents.find(node, patience.first).await?;
            match self.exec(&target, &place, jobs, patience).await {
                Ok(given) => return Ok(given),
                Err(ExecError::NoShell(_)) => return Ok(self.direct(&target, &place, jobs, patience).await),
                Err(ExecError::NeedsContainer) => return Err(Failure::NotFound("the container `calico-node`".into())),
                Err(ExecError::Failed(Failure::NotFound(_))) if again => self.agents.forget(node),
                Err(ExecError::Failed(failure)) => return Err(failure),
            }
        }
        Err(Failure::NotFound(format!("a calico-node pod that stays on `{node}`")))
    }

    /// `Err`: nothing ran.
    async fn exec(&self, target: &Target, place: &Place, jobs: &[Job], patience: Patience) -> Result<Given, ExecError> {
        let client = self.client(patience).await.map_err(ExecError::Failed)?;
        let exec = Exec {
            client: &client,
            place,
            target,
            counts: &self.counts,
        };
        let script = self.script(jobs, patience);
        let mut collector = Collector::new(&script.word, self.limits.max_output_bytes);
        let run = exec.run(&script, &mut collector, patience).await;
        match run {
            Err(error) if !collector.out.is_started() => Err(error),
            Ok(()) => Ok(given(collector, jobs, None)),
            Err(ExecError::Failed(failure)) => Ok(given(collector, jobs, Some(failure))),
            Err(_) => Ok(given(
                collector,
                jobs,
                Some(Failure::Incomplete("the shell was lost".into())),
            )),
        }
    }

    async fn over_ssh(&self, node: &str, jobs: &[Job], patience: Patience) -> Result<Given, Failure> {
        let script = self.script(jobs, patience);
        let mut collector = Collector::new(&script.word, self.limits.max_output_bytes);
        let run = self.ssh.run(node, &script, &mut collector, patience).await;
        match run {
            Err(failure) if !collector.out.is_started() => Err(failure),
            other => Ok(given(collector, jobs, other.err())),
        }
    }

    /// One round trip for each command, in a container without a shell.
    async fn direct(&self, target: &Target, place: &Place, jobs: &[Job], patience: Patience) -> Given {
        let mut found = vec![];
        let mut trouble = None;
        for job in jobs {
            let answer = match self.client(patience).await {
                Ok(client) => {
                    let exec = Exec {
                        client: &client,
                        place,
                        target,
                        counts: &self.counts,
                    };
                    let end = patience.end.min(Instant::now() + job.timeout);
                    exec.direct(job, self.limits.max_output_bytes, Patience { first: end, end })
                        .await
                }
                Err(failure) => Err(failure),
            };
            found.push(answer.unwrap_or_else(|failure| {
                trouble = Some(failure);
                Found::Cut { begun: true }
            }));
        }
        Given {
            found,
            trouble,
            note: Some(NO_END_MARK),
        }
    }

    async fn client(&self, patience: Patience) -> Result<kube::Client, Failure> {
        tokio::time::timeout_at(patience.end.into(), self.api.client())
            .await
            .unwrap_or_else(|_| {
                Err(Failure::TimedOut(
                    "the time of the batch, waiting for credentials".into(),
                ))
            })
    }

    fn script(&self, jobs: &[Job], patience: Patience) -> Script {
        Script::new(jobs, self.limits.max_output_bytes, left(patience.end))
    }

    fn is_resting(&self, node: &str, via: Via) -> Option<Failure> {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, failure) = resting.get(&(node.to_string(), via))?;
        (at.elapsed() < REST).then(|| failure.clone())
    }

    fn rest(&self, node: &str, via: Via, failure: &Failure) {
        // Too short a deadline says nothing about the node.
        if matches!(
            failure,
            Failure::Other(_) | Failure::TimedOut(_) | Failure::Incomplete(_)
        ) {
            return;
        }
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.insert((node.to_string(), via), (Instant::now(), failure.clone()));
    }
}

fn given(collector: Collector, jobs: &[Job], trouble: Option<Failure>) -> Given {
    let note = (collector.out.is_started() && collector.wrapper().is_none()).then_some(NO_BOUND);
    Given {
        found: collector.finish(jobs),
        trouble,
        note,
    }
}

fn patience(deadline: Instant, last: bool) -> Patience {
    let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
    let half = Instant::now() + left(end) / 2;
    Patience {
        first: if last {
            end
        } else {
            half.min(Instant::now() + FIRST_SIGN)
        },
        end,
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
