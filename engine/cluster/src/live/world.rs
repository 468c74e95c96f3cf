use super::{
    api::{self, Api},
    batch::Batch,
    config::{self, ConnectError},
    count::RoundTrips,
    frame,
    ladder::Ladder,
    options::LiveOptions,
    ssh::Ssh,
};
use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;
use runbook_core::{
    Answer, ApiGet, AskContext, AskFuture, CommandQuestion, Effect, Failure, LogQuestion, Outcome, PodRef, Question,
    Target, Via, World, WorldInfo, WorldKind,
};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// A cluster, asked now.
#[derive(Debug)]
pub struct LiveWorld {
    name: String,
    ladder: Ladder,
    api: Arc<Api>,
    counts: Arc<RoundTrips>,
}

impl LiveWorld {
    /// Reads the configuration. Sends nothing: the first question does.
    pub async fn connect(options: LiveOptions) -> Result<LiveWorld, ConnectError> {
        let cluster = config::load(&options).await?;
        let counts = Arc::new(RoundTrips::default());
        let limits = options.limits.clone();
        let api = Arc::new(Api::new(
            cluster.config,
            limits.api_parallel,
            options.server_timeout,
            counts.clone(),
        ));
        let ssh = Ssh::new(options.ssh, &limits, api.clone(), counts.clone());
        let ladder = Ladder::new(options.via, limits, api.clone(), ssh, counts.clone());
        Ok(LiveWorld {
            name: cluster.name,
            ladder,
            api,
            counts,
        })
    }

    /// Where a name without a namespace belongs: from the flag, the context or the pod's own account.
    pub fn namespace(&self) -> &str {
        self.api.default_namespace()
    }

    /// How often each target was really asked: HTTP requests (also those that open an exec), commands over SSH.
    pub fn round_trips(&self) -> BTreeMap<Target, u64> {
        self.counts.all()
    }

    async fn get(&self, get: &ApiGet, deadline: Instant) -> Answer {
        timed(Via::Api, async {
            match self.api.get(get, deadline).await {
                Ok(body) => Outcome::Body(body.into()),
                Err(failure) => Outcome::Failed(failure),
            }
        })
        .await
    }

    async fn logs(&self, question: &LogQuestion, deadline: Instant) -> Answer {
        timed(Via::Api, async {
            match self.log_text(question, deadline).await {
                Ok(body) => Outcome::Body(body.into()),
                Err(failure) => Outcome::Failed(failure),
            }
        })
        .await
    }

    async fn log_text(&self, question: &LogQuestion, deadline: Instant) -> Result<Vec<u8>, Failure> {
        let pod = &question.pod;
        let target = Target::Pod(PodRef::new(pod.namespace.clone(), pod.name.clone()));
        let ask = async |container: Option<&String>| {
            let path = format!(
                "/api/v1/namespaces/{}/pods/{}/log",
                api::encoded(&pod.namespace),
                api::encoded(&pod.name)
            );
            let mut query = vec![("tailLines".to_string(), question.tail_lines.to_string())];
            query.extend(container.map(|c| ("container".to_string(), c.clone())));
            self.api
                .request(&api::uri(&path, &query), &target, deadline)
                .await
                .map_err(|refused| refused.into_failure())
        };
        match ask(pod.container.as_ref()).await {
            // Several containers and none named: the server leaves the choice to its client.
            Err(Failure::Server(why)) if why.contains("a container name must be specified") => {
                let container = self.ladder.default_container(pod, deadline).await?;
                ask(Some(&container)).await
            }
            other => other,
        }
    }

    /// The commands of one target, in one round trip where that is possible.
    async fn commands(
        &self,
        target: &Target,
        questions: Vec<(usize, &CommandQuestion)>,
        slots: &Slots,
        deadline: Instant,
    ) {
        let mut batch = Batch::new(questions.into_iter());
        match target {
            Target::Node(node) => self.ladder.node(node, &mut batch, deadline).await,
            Target::Pod(pod) => self.ladder.pod(pod, &mut batch, deadline).await,
            Target::Api | Target::Local => {}
        }
        for (index, answer) in batch.answers() {
            slots.put(index, answer);
        }
    }
}

impl World for LiveWorld {
    fn info(&self) -> WorldInfo {
        WorldInfo {
            kind: WorldKind::Live,
            name: self.name.clone(),
        }
    }

    fn ask<'a>(&'a self, questions: &'a [Question], context: &'a AskContext) -> AskFuture<'a> {
        Box::pin(async move {
            let started = Instant::now();
            let slots = Slots::new(questions.len());
            let deadline = context.deadline;
            let mut groups: BTreeMap<&Target, Vec<(usize, &CommandQuestion)>> = BTreeMap::new();
            let mut work: Vec<BoxFuture<'_, ()>> = vec![];
            for (index, question) in questions.iter().enumerate() {
                if let Some(failure) = refuse(question, context.allow) {
                    slots.put(index, Answer::failed(failure, Via::Local, Timestamp::now()));
                    continue;
                }
                let slots = &slots;
                match question {
                    Question::Clock => {
                        let now = Timestamp::now();
                        slots.put(index, Answer::new(Outcome::Time(now), Via::Local, now));
                    }
                    Question::Get(get) => {
                        work.push(Box::pin(async move { slots.put(index, self.get(get, deadline).await) }));
                    }
                    Question::Logs(logs) => {
                        work.push(Box::pin(
                            async move { slots.put(index, self.logs(logs, deadline).await) },
                        ));
                    }
                    Question::Command(command) => groups.entry(&command.target).or_default().push((index, command)),
                }
            }
            for (target, questions) in groups {
                let slots = &slots;
                work.push(Box::pin(self.commands(target, questions, slots, deadline)));
            }
            let unanswered = tokio::select! {
                biased;
                () = context.cancel.cancelled() => Failure::Cancelled,
                _ = join_all(work) => Failure::Other("nobody answered".into()),
                () = tokio::time::sleep_until(deadline.into()) => {
                    Failure::TimedOut(format!("{:.1} s", started.elapsed().as_secs_f32()))
                }
            };
            let via = |question: &Question| match question {
                Question::Command(CommandQuestion {
                    target: Target::Node(_),
                    ..
                }) => self.ladder.first_rung(),
                Question::Command(_) => Via::Exec,
                Question::Clock => Via::Local,
                Question::Get(_) | Question::Logs(_) => Via::Api,
            };
            slots.finish(questions, |question| {
                let mut answer = Answer::failed(unanswered.clone(), via(question), Timestamp::now());
                answer.duration_ms = started.elapsed().as_millis() as u64;
                answer
            })
        })
    }

    fn close<'a>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.ladder.ssh.close())
    }
}

/// Why a question is not even asked.
fn refuse(question: &Question, allow: Effect) -> Option<Failure> {
    if question.effect() > allow {
        return Some(Failure::EffectNotAllowed(question.effect().to_string()));
    }
    let Question::Command(command) = question else {
        return None;
    };
    match &command.target {
        Target::Api | Target::Local => {
            return Some(Failure::Other(format!(
                "commands run on nodes and in pods, not on `{}`",
                command.target
            )));
        }
        Target::Node(name) | Target::Pod(PodRef { name, .. }) if name.is_empty() => {
            return Some(Failure::Other("a target without a name".into()));
        }
        _ => {}
    }
    if command.forms.is_empty() {
        return Some(Failure::Other("a command without a program".into()));
    }
    command
        .forms
        .iter()
        .find_map(|argv| frame::refuse(argv))
        .map(Failure::Other)
}

async fn timed(via: Via, outcome: impl Future<Output = Outcome>) -> Answer {
    let (at, started) = (Timestamp::now(), Instant::now());
    let mut answer = Answer::new(outcome.await, via, at);
    answer.duration_ms = started.elapsed().as_millis() as u64;
    answer
}

/// Answers as they come: those that are there when time is up are kept.
struct Slots(Mutex<Vec<Option<Answer>>>);

impl Slots {
    fn new(len: usize) -> Self {
        Slots(Mutex::new(vec![None; len]))
    }

    fn put(&self, index: usize, answer: Answer) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(index) {
            *slot = Some(answer);
        }
    }

    fn finish(self, questions: &[Question], unanswered: impl Fn(&Question) -> Answer) -> Vec<Answer> {
        let slots = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let fill = |(slot, question): (Option<Answer>, &Question)| slot.unwrap_or_else(|| unanswered(question));
        slots.into_iter().zip(questions).map(fill).collect()
    }
}
