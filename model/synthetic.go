package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// minSyntheticHospitals is the smallest study that the protocol runs.
const minSyntheticHospitals = 3

// Generate invents the rows of so many hospitals (at least 3) for the embedded
// task "synthetic". The same seed gives the same rows. The hospitals see
// unlike patients, but the disease follows from the columns by one logistic
// rule ([patient.risk]) in all of them, so that they gain by training together.
func Generate(seed uint64, hospitals int) ([]Hospital, error) {
	return syntheticTask().generate(seed, hospitals)
}

// GenerateHospital invents the rows of hospital index, from 0, of so many
// hospitals: the same as Generate(seed, hospitals)[index], without the others.
func GenerateHospital(seed uint64, index, hospitals int) (Hospital, error) {
	return syntheticTask().generateHospital(seed, index, hospitals)
}

// SyntheticTable is the table of hospital index as a text file in the format
// of the embedded task "synthetic".
func SyntheticTable(seed uint64, index, hospitals int) ([]byte, error) {
	if hospitals < minSyntheticHospitals || hospitals > maxParties {
		return nil, fmt.Errorf("generate patients: %d hospitals; it must be between %d and %d", hospitals, minSyntheticHospitals, maxParties)
	}
	if index < 0 || index >= hospitals {
		return nil, fmt.Errorf("generate patients: hospital %d of %d does not exist; they count from 0", index, hospitals)
	}
	random := seeded(seed, streamSynthetic+uint64(index))
	cohort := syntheticCohort(index, random)
	var table bytes.Buffer
	table.WriteString("age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,disease\n")
	for range cohort.rows {
		p := cohort.draw(random)
		table.WriteString(p.record(random.Float64() < Sigmoid(p.risk())))
	}
	return table.Bytes(), nil
}

func syntheticTask() *Task {
	t, ok := Embedded("synthetic")
	if !ok {
		panic("model: the task synthetic is not embedded")
	}
	return t
}

func (t *Task) generate(seed uint64, hospitals int) ([]Hospital, error) {
	generated := make([]Hospital, hospitals)
	for i := range generated {
		var err error
		if generated[i], err = t.generateHospital(seed, i, hospitals); err != nil {
			return nil, err
		}
	}
	return generated, nil
}

// generateHospital reads the generated table back, so that generated rows pass
// through the same checks as real ones.
func (t *Task) generateHospital(seed uint64, index, hospitals int) (Hospital, error) {
	table, err := SyntheticTable(seed, index, hospitals)
	if err != nil {
		return Hospital{}, err
	}
	name := hospitalName(index)
	data, report, err := t.ReadTable(bytes.NewReader(table), name)
	if err != nil {
		return Hospital{}, fmt.Errorf("generate patients: %w", err)
	}
	return Hospital{Name: name, Data: data, Report: report}, nil
}

// cohort describes whom a hospital sees.
type cohort struct {
	rows       int
	age        float64    // mean, years
	male       float64    // share
	chestPain  [4]float64 // shares of the kinds 1 to 4
	heartRate  float64    // mean maximum of a 54-year-old, beats a minute
	angina     float64    // share with angina on exercise
	depression float64    // mean ST depression, mm
	ecg        [3]float64 // shares of the findings 0 to 2
}

// syntheticCohort gives four patterns, repeated with variations beyond four
// hospitals: a university clinic, a clinic for milder cases, a small heart
// centre to which the ill are sent, and a clinic for old men.
func syntheticCohort(index int, random *rand.Rand) cohort {
	patterns := [...]cohort{
		{rows: 303, age: 55, male: 0.86, chestPain: [4]float64{0.12, 0.06, 0.22, 0.60}, heartRate: 150, angina: 0.40, depression: 1.0, ecg: [3]float64{0.50, 0.02, 0.48}},
		{rows: 261, age: 46, male: 0.45, chestPain: [4]float64{0.03, 0.50, 0.27, 0.20}, heartRate: 152, angina: 0.20, depression: 0.5, ecg: [3]float64{0.78, 0.20, 0.02}},
		{rows: 46, age: 58, male: 0.90, chestPain: [4]float64{0.03, 0.05, 0.17, 0.75}, heartRate: 126, angina: 0.50, depression: 1.2, ecg: [3]float64{0.70, 0.24, 0.06}},
		{rows: 130, age: 62, male: 0.95, chestPain: [4]float64{0.04, 0.10, 0.30, 0.56}, heartRate: 130, angina: 0.55, depression: 1.3, ecg: [3]float64{0.40, 0.48, 0.12}},
	}
	c := patterns[index%len(patterns)]
	if index >= len(patterns) {
		c.rows = int(float64(c.rows) * (0.7 + 0.6*random.Float64()))
		c.age += 6 * (random.Float64() - 0.5)
		c.heartRate += 16 * (random.Float64() - 0.5)
		c.depression *= 0.7 + 0.6*random.Float64()
	}
	return c
}

// patient is one row, in the units of the task.
type patient struct {
	age, bloodPressure, cholesterol, heartRate float64
	male, highSugar, angina                    bool
	chestPain                                  int // 1 to 4
	ecg                                        int // 0 to 2
	depression                                 float64
}

// draw invents a patient. Values are rounded as they are written down, so that
// the risk is a function of the columns.
func (c cohort) draw(random *rand.Rand) patient {
	p := patient{
		age:       rounded(c.age+9*random.NormFloat64(), 20, 95),
		male:      random.Float64() < c.male,
		chestPain: 1 + drawShare(c.chestPain[:], random),
		highSugar: random.Float64() < 0.15,
		ecg:       drawShare(c.ecg[:], random),
	}
	p.bloodPressure = rounded(131+0.4*(p.age-54)+17*random.NormFloat64(), 80, 220)
	p.cholesterol = rounded(243+50*random.NormFloat64(), 100, 600)
	p.angina = random.Float64() < c.angina*(0.4+0.3*float64(p.chestPain-1))
	heartRate := c.heartRate - 0.8*(p.age-54)
	if p.angina {
		heartRate -= 8
	}
	p.heartRate = rounded(heartRate+18*random.NormFloat64(), 60, 210)
	if random.Float64() < 0.7 {
		p.depression = rounded(10*min(c.depression*random.ExpFloat64()/0.7, 6), 0, 60) / 10
	}
	return p
}

// risk is the log-odds of the disease: the true model behind all hospitals.
func (p patient) risk() float64 {
	risk := -1.6 +
		0.05*(p.age-54) + 0.02*(p.bloodPressure-131) + 0.01*(p.cholesterol-243) -
		0.03*(p.heartRate-145) + 1.0*(p.depression-0.8) +
		[...]float64{0.2, -1.2, 0.1, 2.0}[p.chestPain-1] + [...]float64{0, 0.9, 0.4}[p.ecg]
	if p.male {
		risk += 1.3
	} else {
		risk -= 0.6
	}
	if p.highSugar {
		risk += 0.5
	}
	if p.angina {
		risk += 0.9
	}
	return risk
}

// record writes the patient as a line of the table.
func (p patient) record(ill bool) string {
	fields := []string{
		decimal(p.age), flag(p.male), strconv.Itoa(p.chestPain), decimal(p.bloodPressure), decimal(p.cholesterol),
		flag(p.highSugar), strconv.Itoa(p.ecg), decimal(p.heartRate), flag(p.angina), decimal(p.depression), flag(ill),
	}
	return strings.Join(fields, ",") + "\n"
}

func rounded(x, low, high float64) float64 { return math.Round(min(max(x, low), high)) }

// drawShare picks an index with the given probabilities, which add up to 1.
func drawShare(shares []float64, random *rand.Rand) int {
	u := random.Float64()
	for i, share := range shares {
		if u -= share; u < 0 {
			return i
		}
	}
	return len(shares) - 1 // the shares' sum was rounded below 1
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func flag(set bool) string {
	if set {
		return "1"
	}
	return "0"
}
