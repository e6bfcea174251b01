package testnet

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"consilium/model"
	"consilium/node/study"
	"consilium/paillier"
	"consilium/protocol"
	"consilium/protocol/spdz"
	"consilium/protocol/spdz/learning"
)

// SharesResult is what training on shares was like.
type SharesResult struct {
	Security       string       `json:"security"`
	Reveal         string       `json:"reveal"`
	Threshold      int          `json:"threshold"`    // so many hospitals together learn nothing
	Hospitals      []string     `json:"hospitals"`    // that went on to the end
	Computations   int          `json:"computations"` // 1, and one more each time they went on from a checkpoint
	Majority       string       `json:"majority"`     // who may deviate: fewer than half, or with a dishonest one all but one
	KeyBits        int          `json:"key_bits"`     // of a dishonest majority's moduli
	Halvings       int          `json:"halvings"`     // of the rate, by the range guard
	Rounds         int          `json:"rounds"`       // messages that had to follow each other
	RoundsPerEpoch float64      `json:"rounds_per_epoch"`
	Bytes          int64        `json:"bytes_sent"` // by a hospital, mean
	BytesPerEpoch  float64      `json:"bytes_per_epoch"`
	Ranges         []spdz.Range `json:"ranges"`
}

// planShares makes the plan of a study of scheme spdz.
func (s *scenario) planShares() (err error) {
	if s.study.Scheme != study.SchemeShares {
		return nil
	}
	if s.mode == Sim {
		return fmt.Errorf("scheme %s has no rounds of package protocol to simulate; modes %s and %s run it, and its schedules are in the tests of protocol/spdz", study.SchemeShares, Process, Virtual)
	}
	if s.dishonest() && s.mode != InProcess {
		return fmt.Errorf("--majority %s runs in mode %s", learning.DishonestMajority, InProcess)
	}
	settings := s.study.SharesSettings()
	if s.dishonest() && s.keyBits != 0 {
		settings.KeyBits, settings.Insecure = s.keyBits, true
	}
	if s.shares, err = learning.NewPlan(s.program, len(s.hospitals), settings); err != nil {
		return err
	}
	if s.shares.Reveal != learning.RevealWeights {
		return fmt.Errorf("reveal = %q: here models are compared, so weights open", s.shares.Reveal)
	}
	return nil
}

// dishonest says that all hospitals but one may deviate.
func (s *scenario) dishonest() bool {
	return s.study.Shares != nil && s.study.Shares.Majority == learning.DishonestMajority
}

func (s *scenario) sharesSummary() string {
	if s.dishonest() {
		return s.dishonestSummary()
	}
	return fmt.Sprintf("%d hospitals (%s), scheme %s, %s: rows are shared, any %s nothing, %s open in the end",
		len(s.hospitals), strings.Join(s.names(), ", "), s.study.Scheme, SecurityOf(s.shares.Config()), LearnTogether(s.shares.Threshold), s.shares.Reveal)
}

// LearnTogether is the subject of a sentence on what so many hospitals learn.
func LearnTogether(hospitals int) string {
	if hospitals == 1 {
		return "one hospital learns"
	}
	return fmt.Sprintf("%d hospitals together learn", hospitals)
}

// dishonestSummary says what is withstood, and how slow that is.
func (s *scenario) dishonestSummary() string {
	key := fmt.Sprintf("%d bits", s.shares.KeyBits)
	if s.shares.KeyBits < paillier.MinBits {
		key += ", SHORT: IT PROTECTS NOTHING"
	}
	rows := 0
	for _, split := range s.splits {
		rows += split.Train.Rows()
	}
	return fmt.Sprintf("%d hospitals (%s), scheme %s, %s: rows are shared, any %s nothing, whatever they send\n"+
		"(Damgård, Pastro, Smart, Zakarias 2012); %s open in the end. Any one hospital can stop it, without being named, and\n"+
		"nothing goes on without one. Each makes its own Paillier key (%s).\n"+
		"It is slow: %d rows take some %d products and truncations a step, each of which costs every pair of hospitals powers mod N².",
		len(s.hospitals), strings.Join(s.names(), ", "), s.study.Scheme, SecurityOf(s.shares.Config()), LearnTogether(s.shares.Threshold), s.shares.Reveal, key,
		rows, 8*rows*max(1, 1+sum(s.shares.Training.Hidden)))
}

func sum(list []int) int {
	total := 0
	for _, v := range list {
		total += v
	}
	return total
}

// SecurityOf says against whom a computation is secure.
func SecurityOf(c spdz.Config) string {
	switch {
	case c.Dishonest:
		return "n-1 malicious, with abort"
	case c.Passive:
		return "passive"
	}
	return "malicious, with abort"
}

// playShares runs a study on shares, and compares it with the clear.
func (s *scenario) playShares(ctx context.Context, opt Options) (*Report, error) {
	started := time.Now()
	n, err := s.perform(ctx, opt)
	if n == nil {
		return nil, err
	}
	v := &verdict{}
	if err == nil {
		err = n.judgeShares(v)
	}
	report := n.report(nil)
	report.Checks, report.Shares = v.checks, n.shares.result()
	if v.jointMetrics != nil {
		n.addVerdict(report, v)
		report.SecureMetrics = &Secure{n.shares.cohort.names(), *v.joint.Metrics}
	}
	report.Seconds = time.Since(started).Seconds()
	if s.mode == Virtual {
		virtual := n.timeline[len(n.timeline)-1].Time.Sub(n.timeline[0].Time).Seconds()
		report.VirtualSeconds = &virtual
	}
	for _, check := range report.Checks {
		if err == nil && !check.OK {
			err = fmt.Errorf("check failed: %s: %s", check.Name, check.Detail)
		}
	}
	return report, err
}

// judgeShares compares a study on shares with the same in the clear.
func (n *network) judgeShares(v *verdict) error {
	var first *hospital
	for _, h := range n.hospitals[1:] {
		if h.finished && first == nil {
			first = h
		}
	}
	var err error
	if v.joint, err = model.UnmarshalState(first.state); err != nil {
		return err
	}
	n.checkModels(v)
	if err := n.checkSharedSums(v); err != nil {
		return err
	}
	if err := n.replayShares(v); err != nil {
		return err
	}
	return n.compare(v)
}

// checkSharedSums: the joint means and spreads, and the joint metrics, are those
// of the plain fixed-point sums.
func (n *network) checkSharedSums(v *verdict) error {
	program := n.scenario.program
	before := v.joint
	before.Metrics = nil
	var wrong []string
	for _, c := range []struct {
		state model.State
		who   []protocol.Party
		same  func(model.State) bool
	}{
		{program.Start(), n.rounds[0].included, func(s model.State) bool { return reflect.DeepEqual(s.Standardiser, v.joint.Standardiser) }},
		{before, n.rounds[n.scenario.lastRound()].included, func(s model.State) bool { return reflect.DeepEqual(s.Metrics, v.joint.Metrics) }},
	} {
		step, more := program.Next(c.state)
		if !more || step.Name == model.StepTrain {
			continue
		}
		plain, err := n.plainSum(c.state, c.who)
		if err != nil {
			return err
		}
		values := make([]float64, len(plain))
		if err := step.Codec.Decode(values, plain); err != nil {
			return err
		}
		after, err := program.Apply(c.state, values)
		if err != nil {
			return err
		}
		if !c.same(after) {
			wrong = append(wrong, fmt.Sprintf("the sum of step %s is another than the plain one", step.Name))
		}
	}
	v.check(sumsName, wrong, "of the means and spreads, and of the metrics")
	return nil
}

// replayShares trains on the pooled rows in the clear: rounded to the nearest,
// and, where all seeds are known, as it was on shares.
func (n *network) replayShares(v *verdict) error {
	s := n.scenario
	var rows []*model.Dataset
	for _, split := range s.splits {
		rows = append(rows, split.Train)
	}
	weights, bound, err := s.shares.Clear(*v.joint.Standardiser, rows)
	if err != nil {
		return fmt.Errorf("replay in the clear: %w", err)
	}
	for i, w := range weights {
		v.weightsMaxDiff = math.Max(v.weightsMaxDiff, math.Abs(w-v.joint.Weights[i]))
	}
	v.bound = finite(bound)
	var wrong []string
	if v.bound != nil && v.weightsMaxDiff > bound {
		wrong = []string{fmt.Sprintf("weights differ by %.3g, truncation makes at most %.3g", v.weightsMaxDiff, bound)}
	}
	v.check("the model is that of the same training in the clear", wrong, fmt.Sprintf("up to %.1e", v.weightsMaxDiff))
	if len(n.shares.drawn) == 0 || s.dishonest() {
		return nil // the seeds are in processes of their own, or give no masks
	}
	exact, err := s.shares.Replay(*v.joint.Standardiser, rows, n.shares.replayed())
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	wrong, v.replayMaxDiff = nil, new(float64)
	for i, w := range exact {
		*v.replayMaxDiff = math.Max(*v.replayMaxDiff, math.Abs(w-v.joint.Weights[i]))
	}
	if *v.replayMaxDiff != 0 {
		wrong = []string{fmt.Sprintf("weights differ by %.3g", *v.replayMaxDiff)}
	}
	v.check("with the same roundings in the clear, it is the same bit for bit", wrong, fmt.Sprintf("in %d computations", len(n.shares.replayed())))
	return nil
}

// replayed are the computations that came to training.
func (r *sharesRun) replayed() []learning.Replayed {
	var list []learning.Replayed
	for _, a := range r.attempts {
		if a.first >= 0 {
			list = append(list, learning.Replayed{Plan: a.cohort.plan, Seeds: a.seeds, First: a.first})
		}
	}
	return list
}

func (r *sharesRun) result() *SharesResult {
	c := r.cohort
	s := &SharesResult{
		Security: SecurityOf(c.plan.Config()), Reveal: c.plan.Reveal, Threshold: c.plan.Threshold, Hospitals: c.names(),
		Majority: c.plan.Majority, KeyBits: c.plan.KeyBits, Computations: len(r.attempts), Halvings: r.outcome.Halvings, Ranges: r.outcome.Ranges, Bytes: r.network.traffic().StreamBytes / int64(len(r.network.hospitals)-1),
	}
	for _, a := range r.attempts {
		s.Rounds += a.end.Rounds
		if steps := float64(c.plan.Training.Epochs - a.first); a.after.Rounds > 0 && steps > 0 {
			s.RoundsPerEpoch, s.BytesPerEpoch = float64(a.after.Rounds-a.before.Rounds)/steps, float64(a.after.Bytes-a.before.Bytes)/steps
		}
	}
	return s
}
