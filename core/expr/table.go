package expr

import (
	"math"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
)

// operators holds a row for each expression operator: how many arguments it
// takes, or which named ones, and what computes it. It is filled by init since
// its rows compile expressions, which look operators up in it.
var operators map[string]parser

func init() {
	operators = make(map[string]parser)
	for _, group := range []map[string]parser{
		arithmeticOperators, logicOperators, arrayOperators, setOperators, textOperators,
		typeOperators, dateOperators(), accumulatorOperators,
	} {
		for name, parse := range group {
			operators[name] = parse
		}
	}
}

// absent holds the operators that mongod 6.0 has and Argon does not.
var absent = map[string]string{
	"$function":         "server-side JavaScript is not supported",
	"$meta":             "no query of Argon leaves metadata",
	"$toHashedIndexKey": "hashed indexes are not supported",
}

var (
	sums   = nary{associative: true, commutative: true}
	joined = nary{associative: true}
)

func (n nary) checked(each func([]bsonraw.Value, int) (bool, error)) nary {
	n.each = each
	return n
}

var arithmeticOperators = map[string]parser{
	"$add":      variadic(sums.checked(checkAddend), add),
	"$subtract": evaluatingBackward(subtract),
	"$multiply": variadic(sums.checked(checkFactor), multiply),
	"$divide":   evaluatingBackward(divide),
	"$mod":      exact(2, mod),
	"$abs":      numeric("$abs", abs),
	"$ceil":     numeric("$ceil", toWhole(math.Ceil, number.Ceiling)),
	"$floor":    numeric("$floor", toWhole(math.Floor, number.Floor)),
	"$round":    rounding("$round", number.HalfEven),
	"$trunc":    rounding("$trunc", number.TowardZero),
	"$sqrt":     numeric("$sqrt", sqrt),
	"$exp":      numeric("$exp", exp),
	"$pow":      exact(2, pow),
	"$log":      exact(2, log),
	"$ln":       positive("$ln", 28766, number.Log, number.DecimalLn),
	"$log10":    positive("$log10", 28761, number.Log10, number.DecimalLog10),

	"$sin":   bounded("$sin", finite, number.Sin, number.DecimalSin),
	"$cos":   bounded("$cos", finite, number.Cos, number.DecimalCos),
	"$tan":   bounded("$tan", finite, number.Tan, number.DecimalTan),
	"$asin":  bounded("$asin", withinOne, number.Asin, number.DecimalAsin),
	"$acos":  bounded("$acos", withinOne, number.Acos, number.DecimalAcos),
	"$atan":  bounded("$atan", everywhere, number.Atan, number.DecimalAtan),
	"$sinh":  bounded("$sinh", everywhere, number.Sinh, number.DecimalSinh),
	"$cosh":  bounded("$cosh", everywhere, number.Cosh, number.DecimalCosh),
	"$tanh":  bounded("$tanh", everywhere, number.Tanh, number.DecimalTanh),
	"$asinh": bounded("$asinh", everywhere, number.Asinh, number.DecimalAsinh),
	"$acosh": bounded("$acosh", oneAndMore, number.Acosh, number.DecimalAcosh),
	"$atanh": bounded("$atanh", withinOne, number.Atanh, number.DecimalAtanh),
	"$atan2": exact(2, atan2),

	"$degreesToRadians": scaled("$degreesToRadians", math.Pi/180, number.DecimalToRadians),
	"$radiansToDegrees": scaled("$radiansToDegrees", 180/math.Pi, number.DecimalToDegrees),
}

var logicOperators = map[string]parser{
	"$and":     junctionOf(false),
	"$or":      junctionOf(true),
	"$not":     one(not),
	"$cond":    parseCond,
	"$ifNull":  parseIfNull,
	"$switch":  parseSwitch,
	"$cmp":     comparing(opCmp),
	"$eq":      comparing(opEq),
	"$ne":      comparing(opNe),
	"$lt":      comparing(opLt),
	"$lte":     comparing(opLte),
	"$gt":      comparing(opGt),
	"$gte":     comparing(opGte),
	"$let":     parseLet,
	"$literal": parseLiteral,
	"$const":   parseLiteral,
	"$rand":    parseRand,
}

var arrayOperators = map[string]parser{
	"$arrayElemAt":   exact(2, arrayElemAt),
	"$first":         endOf("$first", 0),
	"$last":          endOf("$last", -1),
	"$size":          one(size),
	"$in":            exact(2, in),
	"$isArray":       one(isArray),
	"$concatArrays":  variadic(joined.checked(arraysOnly(28664, "$concatArrays only supports arrays, not %s")), concatArrays),
	"$slice":         between(2, 3, slice).each(checkSlice),
	"$reverseArray":  one(reverseArray),
	"$range":         between(2, 3, rangeOf),
	"$indexOfArray":  parseIndexOfArray,
	"$zip":           parseZip,
	"$arrayToObject": one(arrayToObject),
	"$objectToArray": one(objectToArray),
	"$map":           parseMap,
	"$filter":        parseFilter,
	"$reduce":        parseReduce,
	"$sortArray":     parseSortArray,
	"$firstN":        nthOperator(5787801, firstN),
	"$lastN":         nthOperator(5787801, lastN),
	"$minN":          nthOperator(5787900, extremes(1)),
	"$maxN":          nthOperator(5787900, extremes(-1)),
}

var setOperators = map[string]parser{
	"$setUnion":        variadic(sums.checked(arraysOnly(17043, "All operands of $setUnion must be arrays. One argument is of type: %s")), setUnion),
	"$setIntersection": variadic(sums.checked(arraysOnly(17047, "All operands of $setIntersection must be arrays. One argument is of type: %s")), setIntersection),
	"$setDifference":   exact(2, setDifference),
	"$setEquals":       parseSetEquals,
	"$setIsSubset":     parseSetIsSubset,
	"$anyElementTrue":  elements("$anyElementTrue", 17041, true),
	"$allElementsTrue": elements("$allElementsTrue", 17040, false),
	"$mergeObjects":    variadic(nary{each: checkMergedFirst}, mergeObjects),
	"$getField":        parseGetField,
	"$setField":        parseSetField,
	"$unsetField":      parseSetField,
}

var textOperators = map[string]parser{
	"$concat":       variadic(joined.checked(checkConcat), concat),
	"$toUpper":      one(mapText(upper)),
	"$toLower":      one(mapText(lower)),
	"$substr":       exact(3, substrBytes),
	"$substrBytes":  exact(3, substrBytes),
	"$substrCP":     exact(3, substrCP),
	"$strLenBytes":  textLength("$strLenBytes", 34473, byteCount),
	"$strLenCP":     textLength("$strLenCP", 34471, utf8.RuneCount),
	"$split":        exact(2, split),
	"$trim":         trimming(true, true),
	"$ltrim":        trimming(true, false),
	"$rtrim":        trimming(false, true),
	"$indexOfCP":    indexIn("$indexOfCP", codesOfCP, indexOfCP),
	"$indexOfBytes": indexIn("$indexOfBytes", codesOfBytes, indexOfBytes),
	"$strcasecmp":   exact(2, strcasecmp),
	"$replaceOne":   replacing(1),
	"$replaceAll":   replacing(-1),
	"$regexMatch":   regexOperator(regexMatch, noMatch),
	"$regexFind":    regexOperator(regexFind, noFind),
	"$regexFindAll": regexOperator(regexFindAll, noFindAll),
}

var typeOperators = map[string]parser{
	"$convert":     parseConvert,
	"$toBool":      converting(bsonraw.Boolean),
	"$toDate":      converting(bsonraw.DateTime),
	"$toDecimal":   converting(bsonraw.Decimal128),
	"$toDouble":    converting(bsonraw.Double),
	"$toInt":       converting(bsonraw.Int32),
	"$toLong":      converting(bsonraw.Int64),
	"$toObjectId":  converting(bsonraw.ObjectID),
	"$toString":    converting(bsonraw.String),
	"$type":        one(typeOf),
	"$isNumber":    one(isNumber),
	"$bsonSize":    one(bsonSize),
	"$binarySize":  one(binarySize),
	"$tsSecond":    timestampPart("$tsSecond", 5687301, func(s, _ uint32) uint32 { return s }),
	"$tsIncrement": timestampPart("$tsIncrement", 5687302, func(_, i uint32) uint32 { return i }),
}
