export {
  type ActivatingDocument,
  type ActivatingDocuments,
  type ActivationView,
  type ActivationViewOptions,
  type Sequences,
  viewActivations,
} from "./circuits/activation-view.js";
export { assembleCircuit, circuitEdges, measureNodes, nodeScores } from "./circuits/assemble.js";
export {
  attentionPoints,
  type Head,
  type HeadAttention,
  lastAttention,
  sinkLogit,
} from "./circuits/attention.js";
export { type AttentionPattern, attentionPattern, headOf } from "./circuits/attention-pattern.js";
export { type Audit, type AuditOptions, auditCircuit } from "./circuits/audit.js";
export { auditAblations } from "./circuits/audit-ablations.js";
export { auditBinarization } from "./circuits/audit-binarization.js";
export type { AuditCriterion, Distribution } from "./circuits/audit-criterion.js";
export { auditFreezing } from "./circuits/audit-freezing.js";
export { auditInterchange } from "./circuits/audit-interchange.js";
export { auditNecessity } from "./circuits/audit-necessity.js";
export { auditPartialAblation } from "./circuits/audit-partial-ablation.js";
export { type AuditPlot, plotAudit } from "./circuits/audit-plots.js";
export { formatAudit, summaryLine } from "./circuits/audit-report.js";
export { type AuditSubject, prepareAudit } from "./circuits/audit-subject.js";
export { auditSufficiency } from "./circuits/audit-sufficiency.js";
export type { FurtherModel } from "./circuits/audit-training-seeds.js";
export {
  ABLATIONS,
  type Ablation,
  type Circuit,
  formatCircuit,
  nodesOf,
  parseCircuit,
  requireModel,
} from "./circuits/circuit.js";
export { alsoAblated, type CircuitAblationOptions, circuitAblation } from "./circuits/circuit-ablation.js";
export { edgesAsCsv, nodesAsCsv } from "./circuits/circuit-csv.js";
export { circuitAsDot } from "./circuits/circuit-dot.js";
export { readCircuitFile, writeCircuitFile } from "./circuits/circuit-file.js";
export { edgeConstants, edgeEdits } from "./circuits/edge-edits.js";
export { pruneEdges } from "./circuits/edge-pruning.js";
export { channelsOf, type ExchangePositions, exchange, firstExchanged } from "./circuits/exchange.js";
export { type InterveneOptions, type InterventionEffect, intervene } from "./circuits/intervene.js";
export {
  MASK_TRAINING_DEFAULTS,
  type MaskTrainingSettings,
  SMALL_MODEL_SETTINGS,
} from "./circuits/mask-optimizer.js";
export type { PrunePlan } from "./circuits/mask-search.js";
export { MaskedModel } from "./circuits/masked-model.js";
export { ablationConstants, computeMeans, type Means } from "./circuits/means.js";
export {
  findMeans,
  meansOfCorpus,
  parseMeans,
  readMeansFile,
  writeMeansFile,
} from "./circuits/means-file.js";
export { modelHash } from "./circuits/model-identity.js";
export { lossOfNodes, orderByAttribution, orderByMasks, selectNodes } from "./circuits/node-search.js";
export {
  type PruneEvent,
  type PruneOptions,
  prune,
} from "./circuits/prune.js";
export type { PruneResult } from "./circuits/prune-results.js";
export { type CircuitContent, type CircuitNames, circuitFromSource } from "./circuits/read-circuit.js";
export { removeEdges, removeNodes } from "./circuits/removal.js";
export { prepareSplits, type TaskSplits } from "./circuits/task-splits.js";
export { type NodeTokens, nodeTokens, type TokenWeights } from "./circuits/token-weights.js";
export { type Trace, type TracedLink, type TraceLinks, type TraceOptions, trace } from "./circuits/trace.js";
export {
  circuitFromVizData,
  type VizDataOptions,
  type VizOrigin,
  vizDataFromCircuit,
  vizDocuments,
  vizTaskBatch,
} from "./circuits/viz-circuit.js";
export { type RowWeight, WeightGraph, type WeightLink } from "./circuits/weight-graph.js";
export { writeCorpus } from "./corpus/build.js";
export { type Corpus, openCorpus } from "./corpus/corpus.js";
export type { CorpusManifest } from "./corpus/manifest.js";
export { availableKernels, type KernelChoice } from "./engine/kernels.js";
export { SparseLensError } from "./errors.js";
export { type Checkpoint, openCheckpoint } from "./formats/checkpoint.js";
export { readVizData, type VizData, writeVizData } from "./formats/viz-data.js";
export type { GenerationOptions } from "./generation/options.js";
export { type ByteSink, MemorySink } from "./io/byte-sink.js";
export { type ByteSource, MemorySource } from "./io/byte-source.js";
export { type ResolvedSource, resolveSource } from "./io/source.js";
export { type LoadOptions, type LoadProgress, loadModel } from "./load-model.js";
export type { NodeAblation } from "./model/ablation.js";
export type { ModelConfig } from "./model/config.js";
export type { HookPoint, ModelDescription, Parameter } from "./model/description.js";
export type {
  ChannelIntervention,
  HookContext,
  HookFunction,
  HookPattern,
  Intervention,
  Interventions,
} from "./model/hooks.js";
export { NodeIndex } from "./model/node-index.js";
export {
  type ForwardOptions,
  type ForwardOutput,
  type GenerateOptions,
  type GenerateOutput,
  type HookOptions,
  Model,
  type Tokens,
} from "./model.js";
export {
  type BatchOptions,
  prepareTask,
  promptOf,
  type TaskBatch,
  type TaskUnavailable,
} from "./tasks/batch.js";
export {
  type CorpusEvaluation,
  candidateLogits,
  evaluateCorpus,
  evaluateTasks,
  type TaskEvaluation,
} from "./tasks/evaluate.js";
export { findTask, tasks } from "./tasks/registry.js";
export { scoreCandidates, type TaskScore } from "./tasks/score.js";
export type { Pair, Task } from "./tasks/task.js";
export type { Tensor } from "./tensor.js";
export { Tokenizer } from "./tokenizer/tokenizer.js";
export { trainTokenizer } from "./tokenizer/train.js";
export type { TrainingState } from "./training/checkpoint.js";
export { parseTrainingConfig, type TrainingConfig } from "./training/config.js";
export { type TrainingEvent, type TrainingSummary, type TrainOptions, train } from "./training/run.js";
export { type StepMetrics, Trainer, type TrainerOptions } from "./training/trainer.js";
