package testnet

import (
	"sort"

	"consilium/model"
	"consilium/protocol"
)

// DemoReport is what a demonstration found. Its fields are a contract of the
// command line.
type DemoReport struct {
	Scheme         string              `json:"scheme"`
	Trainer        string              `json:"trainer"`
	Task           string              `json:"task"`
	Hospitals      []string            `json:"hospitals"`
	Threshold      int                 `json:"threshold"`
	Bits           int                 `json:"bits"`            // of the Paillier key; 0 without one
	Key            string              `json:"key"`             // what it is worth
	Rounds         []RoundResult       `json:"rounds"`          // training rounds, from 1
	Standardise    *RoundResult        `json:"standardise"`     // round 0
	Evaluate       *RoundResult        `json:"evaluate"`        // the round after the last
	AggregateError int64               `json:"aggregate_error"` // of all rounds; 0 or something is broken
	Accuracy       *Comparison         `json:"accuracy"`        // on all test rows
	AUC            *Comparison         `json:"auc"`
	MSE            *Comparison         `json:"mse"`
	SecureMetrics  *Secure             `json:"secure_metrics"` // what the hospitals computed together
	Features       []string            `json:"features"`       // names of the weights
	Weights        []float64           `json:"weights"`
	WeightsMaxDiff float64             `json:"weights_max_diff"`
	WeightsBound   *float64            `json:"weights_bound"`   // what fixed point can make of it, where known
	ReplayMaxDiff  *float64            `json:"replay_max_diff"` // of scheme spdz: with the same roundings in the clear, 0
	Coefficients   []model.Coefficient `json:"coefficients"`    // of a trainer that gives them
	Rows           []Rows              `json:"rows"`
	Shares         *SharesResult       `json:"spdz"`   // of scheme spdz
	Liars          int                 `json:"liars"`  // that the federation stands
	Named          map[string]int      `json:"named"`  // evidence that honest hospitals keep, by whom it convicts
	Replay         string              `json:"replay"` // the command that shows the same again
	Seed           uint64              `json:"seed"`
	Seconds        float64             `json:"seconds"`
}

// RoundResult is one round.
type RoundResult struct {
	Round       uint64    `json:"round"`
	Included    []string  `json:"included"`
	Dropped     []Dropped `json:"dropped"`
	Seconds     float64   `json:"seconds"`
	BytesGossip int64     `json:"bytes_gossip"`
	BytesStream int64     `json:"bytes_stream"`
	Skipped     string    `json:"skipped"` // why its sum was not used, or empty
}

// Dropped is a hospital that did not finish a round, included or not.
type Dropped struct {
	Name  string `json:"name"`
	Phase string `json:"phase"`
}

// Comparison is one metric of the joint model, of the pooled one, and of what
// each hospital learns alone.
type Comparison struct {
	Joint  *float64            `json:"joint"`
	Pooled *float64            `json:"pooled"`
	Local  map[string]*float64 `json:"local"`
}

// Secure are metrics from securely summed counts, over the included of the
// evaluation.
type Secure struct {
	Included []string `json:"included"`
	model.Metrics
}

// Rows is how much a hospital brings.
type Rows struct {
	Name    string `json:"name"`
	Train   int    `json:"train"`
	Test    int    `json:"test"`
	Dropped int    `json:"dropped_missing"` // rows with a missing value
}

// Report is what a testnet found. Its fields are a contract of the command
// line.
type Report struct {
	Name           string      `json:"name"`
	Mode           string      `json:"mode"`
	Checks         []Check     `json:"checks"`
	Recoveries     []Recovery  `json:"recoveries"`
	VirtualSeconds *float64    `json:"virtual_seconds"` // in modes virtual and sim
	Timeline       []Happening `json:"timeline"`
	DemoReport
}

// Check is something that must hold at the end.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Recovery is a hospital that came back: how long it took from the end of its
// fault until it was where the others were.
type Recovery struct {
	Hospital string  `json:"hospital"`
	Fault    string  `json:"fault"`
	Round    uint64  `json:"round"`
	Phase    string  `json:"phase"`
	Seconds  float64 `json:"seconds"`
}

// report writes down what was seen, and what the judge found unless v is nil.
func (n *network) report(v *verdict) *Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, plan := n.scenario, n.scenario.program.Plan()
	r := &Report{
		Name: s.name, Mode: s.mode, Checks: []Check{}, Recoveries: append([]Recovery{}, n.recoveries...), Timeline: n.happenings(),
		DemoReport: DemoReport{
			Scheme: s.study.Scheme, Trainer: plan.Trainer, Task: s.study.Task, Hospitals: s.names(), Threshold: s.openings(), Liars: s.t.Liars, Named: n.named,
			Rounds: []RoundResult{}, Seed: s.study.Seed,
		},
	}
	if s.key != nil {
		r.Bits, r.Key = s.key.public.Bits(), s.key.describe()
	}
	for number := range n.furthest + 1 {
		view := n.rounds[number]
		if view == nil {
			continue
		}
		result := n.roundResult(number)
		switch view.step {
		case model.StepStandardise:
			r.Standardise = &result
		case model.StepTrain:
			r.Rounds = append(r.Rounds, result)
		case model.StepEvaluate:
			r.Evaluate = &result
		}
	}
	if v != nil {
		r.Checks = v.checks
		if v.jointMetrics != nil {
			n.addVerdict(r, v)
		}
	}
	return r
}

// addVerdict adds what the hospitals learned, and what it compares with.
func (n *network) addVerdict(r *Report, v *verdict) {
	s := n.scenario
	r.AggregateError = v.aggregateError
	r.Features, r.Weights = s.program.WeightNames(), v.joint.Weights
	r.WeightsMaxDiff, r.WeightsBound, r.ReplayMaxDiff = v.weightsMaxDiff, v.bound, v.replayMaxDiff
	r.Coefficients = s.program.Coefficients(v.joint)
	if r.Evaluate != nil && v.joint.Metrics != nil {
		r.SecureMetrics = &Secure{r.Evaluate.Included, *v.joint.Metrics}
	}
	for i, h := range s.hospitals {
		r.Rows = append(r.Rows, Rows{h.Name, s.splits[i].Train.Rows(), s.splits[i].Test.Rows(), h.Report.Dropped})
	}
	if s.study.ModelTask().Label.Binary() {
		r.Accuracy = v.comparison(s, func(m model.Metrics) *float64 { return m.Accuracy })
		r.AUC = v.comparison(s, func(m model.Metrics) *float64 { return m.AUC })
	} else {
		r.MSE = v.comparison(s, func(m model.Metrics) *float64 { return m.MSE })
	}
}

func (v *verdict) comparison(d *scenario, of func(model.Metrics) *float64) *Comparison {
	c := &Comparison{Joint: of(*v.jointMetrics), Pooled: of(v.pooled), Local: map[string]*float64{}}
	for i, h := range d.hospitals {
		c.Local[h.Name] = of(v.alone[i])
	}
	return c
}

func (n *network) roundResult(number uint64) RoundResult {
	view := n.rounds[number]
	r := RoundResult{
		Round: number, Included: n.names(view.included), Dropped: []Dropped{}, Seconds: view.seconds, Skipped: view.skipped,
		BytesGossip: view.traffic.GossipBytes, BytesStream: view.traffic.StreamBytes,
	}
	if number > 0 && !view.ended.IsZero() {
		if before := n.rounds[number-1]; before != nil {
			r.BytesGossip -= before.traffic.GossipBytes
			r.BytesStream -= before.traffic.StreamBytes
		}
	}
	var parties []int
	for p := range view.dropped {
		parties = append(parties, int(p))
	}
	sort.Ints(parties)
	for _, p := range parties {
		party := protocol.Party(p)
		r.Dropped = append(r.Dropped, Dropped{n.hospitals[party].name, view.dropped[party].String()})
	}
	return r
}
