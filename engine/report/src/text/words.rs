//! The report's own words, in both languages.

use runbook_core::{Certainty, Severity, StepStatus, Verdict, WorldKind};
use runbook_run::Language;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $en:literal | $zh:literal;)+) => {
        /// What the report says in its own name.
        pub(super) struct Words {
            $($(#[$doc])* pub(super) $name: &'static str,)+
        }

        static EN: Words = Words { $($name: $en,)+ };
        static ZH: Words = Words { $($name: $zh,)+ };
    };
}

words! {
    cause: "CAUSE" | "原因";
    noted: "NOTED" | "注意";
    why: "WHY" | "证据";
    against: "AGAINST" | "反面证据";
    explains: "EXPLAINS" | "由此引起";
    fix: "FIX" | "修复";
    or_fix: "or" | "或者";
    risk: "risk" | "风险";
    undo: "undo" | "回滚";
    verify: "verify" | "验证";
    own_values: "put in your own" | "请自行填写";
    no_fix: "no fix is known to us" | "目前没有已知的修复方法";
    others: "OTHER CAUSES" | "其他原因";
    also: "ALSO FOUND" | "还发现";
    steps: "STEPS" | "步骤";
    notes: "NOTES" | "备注";
    could_not_tell: "Could not tell:" | "无法判断：";
    open: "without an answer" | "个没有结果";
    as_above: ", as above" | "，原因同上";
    no_steps: "the runbook asked nothing" | "runbook 没有做任何检查";
    healthy: "Nothing wrong was found" | "没有发现问题";
    checks: "checks" | "项检查";
    skipped_count: "skipped" | "项跳过";
    exit: "exit" | "退出码";
    no_answer: "no answer" | "没有回答";
    no_output: "(no output)" | "（没有输出）";
    more: "more" | "项";
    and_more: "and" | "另有";
    run: "run" | "运行编号";
    codes: "more about a code" | "查看代码说明";
    /// Ends a sentence, joins parts, stands before what is explained.
    stop: "." | "。";
    comma: ", " | "，";
    colon: ": " | "：";
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Words {
        match language {
            Language::En => &EN,
            Language::Zh => &ZH,
        }
    }
}

pub(super) fn verdict(verdict: Verdict, language: Language) -> &'static str {
    match (language, verdict) {
        (Language::En, Verdict::Healthy) => "HEALTHY",
        (Language::En, Verdict::Warning) => "WARNING",
        (Language::En, Verdict::Problem) => "PROBLEM",
        (Language::En, Verdict::Inconclusive) => "INCONCLUSIVE",
        (Language::Zh, Verdict::Healthy) => "正常",
        (Language::Zh, Verdict::Warning) => "警告",
        (Language::Zh, Verdict::Problem) => "有问题",
        (Language::Zh, Verdict::Inconclusive) => "无法判断",
    }
}

pub(super) fn certainty(certainty: Certainty, language: Language) -> &'static str {
    match (language, certainty) {
        (Language::En, Certainty::Proven) => "proven",
        (Language::En, Certainty::Likely) => "likely",
        (Language::En, Certainty::Possible) => "possible",
        (Language::Zh, Certainty::Proven) => "已证实",
        (Language::Zh, Certainty::Likely) => "很可能",
        (Language::Zh, Certainty::Possible) => "有可能",
    }
}

/// Only where a finding is less than a problem: problems are the rule.
pub(super) fn severity(severity: Severity, language: Language) -> Option<&'static str> {
    match (language, severity) {
        (_, Severity::Problem) => None,
        (Language::En, Severity::Warning) => Some("warning"),
        (Language::En, Severity::Info) => Some("info"),
        (Language::Zh, Severity::Warning) => Some("警告"),
        (Language::Zh, Severity::Info) => Some("提示"),
    }
}

pub(super) fn risk(risk: &str, language: Language) -> &str {
    match (language, risk) {
        (Language::Zh, "low") => "低",
        (Language::Zh, "medium") => "中",
        (Language::Zh, "high") => "高",
        _ => risk,
    }
}

pub(super) fn world(kind: WorldKind, language: Language) -> &'static str {
    match (language, kind) {
        (Language::En, WorldKind::Live) => "cluster",
        (Language::En, WorldKind::Recording) => "recording",
        (Language::En, WorldKind::Snapshot) => "snapshot",
        (Language::En, WorldKind::Journal) => "journal",
        (Language::Zh, WorldKind::Live) => "集群",
        (Language::Zh, WorldKind::Recording) => "录制",
        (Language::Zh, WorldKind::Snapshot) => "快照",
        (Language::Zh, WorldKind::Journal) => "日志",
    }
}

/// The mark in front of a step, with and without Unicode.
pub(super) fn mark(status: StepStatus, unicode: bool) -> &'static str {
    match (status, unicode) {
        (StepStatus::Ok, true) => "✓",
        (StepStatus::Skipped, true) => "–",
        (StepStatus::NotRun, true) => "·",
        (StepStatus::Ok, false) => "+",
        (StepStatus::Skipped, false) => "-",
        (StepStatus::NotRun, false) => ".",
        (StepStatus::Finding, _) => "!",
        (StepStatus::Inconclusive, _) => "?",
    }
}

/// The word behind a step that did not pass or find something.
pub(super) fn status(status: StepStatus, language: Language) -> &'static str {
    match (language, status) {
        (Language::En, StepStatus::Ok) => "ok",
        (Language::En, StepStatus::Finding) => "finding",
        (Language::En, StepStatus::Skipped) => "skipped",
        (Language::En, StepStatus::Inconclusive) => "inconclusive",
        (Language::En, StepStatus::NotRun) => "not run",
        (Language::Zh, StepStatus::Ok) => "正常",
        (Language::Zh, StepStatus::Finding) => "发现问题",
        (Language::Zh, StepStatus::Skipped) => "跳过",
        (Language::Zh, StepStatus::Inconclusive) => "无法判断",
        (Language::Zh, StepStatus::NotRun) => "未执行",
    }
}
