"""What answers sound like, language by language: fragments of regular expressions over lower-case text.

Every fragment is data for the decision table in `decision`; none of them decides anything by itself. Fragments match
text whose quotes, dashes and full-width marks are already in their ASCII form. Each must match in time linear in its
input: no nested repetition, and every repetition of a wide class has a bound.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_BE = (
    r"(?:(?:is|are|was|were|(?:would|should|must|will|could|can|may|might|has\s+to|seems\s+to|appears\s+to|likely\s+to)"
    r"(?:\s+\w+ly|\s+therefore|\s+then)?\s+be)\b)"
)
_GOOD = (
    r"(?:correct|right|best|true|accurate|appropriate|suitable|likely|likeliest|probable|plausible|closest|nearest|"
    r"valid|logical|answer|better|fitting|matching|real|proper|optimal|similar|consistent|reasonable|final|one|match|fit|corresponding|chosen|equivalent|counterpart|only)"
)


@dataclass(frozen=True)
class Cues:
    """One language's fragments; `final` and `chooses` stand before an option, `claims` and `denied` after it."""

    final: tuple[str, ...] = ()  # "answer is", "correct option:": what follows is the answer
    chooses: tuple[str, ...] = ()  # "I would choose": what follows is the answer
    prefers: tuple[str, ...] = ()  # "most similar to", "it is": what follows is claimed
    claims: tuple[str, ...] = ()  # "is correct", "corresponds to": what stands before is claimed
    denies: tuple[str, ...] = ()  # "not", "rule out": what follows is denied
    denied: tuple[str, ...] = ()  # "is wrong": what stands before is denied
    conditional: tuple[str, ...] = ()  # "if": what follows in the clause is only supposed
    withdrawn: tuple[str, ...] = ()  # "wait, no": what was said before no longer holds
    refuses: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()  # "and", "or"
    nouns: tuple[str, ...] = ()  # "option": a letter behind it is one


_CANNOT = (
    r"\b(?:can(?:no|\s+no|')?t|could(?:n't|\s+not)|(?:am|is|are|was|'m)\s+(?:not\s+able|unable)|unable)\s+"
    r"(?:be\s+)?(?:to\s+)?(?:\w+\s+){0,2}?"
    r"(?:see|view|determined?|answer(?:ed)?|tell|say|identif(?:y|ied)|know|provide|assist|help|confirm|access|process|"
    r"display|analy[sz]e|read)"
)

LANGUAGES: Mapping[str, Cues] = {
    "English": Cues(
        final=(
            r"\b(?:answer|ans|solution)\b(?:\s+(?:to|for|here|based|with|in|letter|option|choice|according|given|among|from|that|"
            r"which|of|must|should|would|will|could|can|may|might|therefore|then|and|you)\b[^.:;=\n]{0,90}?)??"
            rf"\s*[\"']?(?:{_BE}|[:=]|\s-+\s|->|\)\s*:)",
            r"\b(?:final|correct|right|best|chosen|selected|appropriate|suitable|likely|likeliest|accurate|plausible|probable|closest|"
            r"matching|corresponding|proper|valid|nearest|logical|better|true|fitting|my|your|optimal)\s+"
            r"(?:multiple[- ]choice\s+)?"
            r"(?:answer|option|choice|letter|match|selection|response|candidate|statement|solution|fit|one|guess|pick|conclusion|"
            r"alternative|picture|image|point|box)s?\b"
            r"(?:\s+(?:to|for|here|based|with|in|on|letter|option|choice|according|given|among|from|that|which|of|labell?ed|therefore|would|"
            r"should|must|will|could|may|might|can|seems|appears|when|by)\b[^.:;=\n]{0,120}?)??"
            rf"\s*[\"']?(?:{_BE}|[:=]|\s-+\s|->)",
            r"\b(?:final|conclusion|result|verdict|decision|choice|selection|prediction|pick)\s*[:=]",
            r"\bcorrespond(?:ing|s)\s[^.,:;=\n]{0,120}?\b(?:is|would\s+be|should\s+be|must\s+be|will\s+be|could\s+be|might\s+be)\b",
            r"\b(?:is|are|be|to|with|by|as|choose|select)\s{0,2}:\s{0,2}\n",
            r"\banswer\s+(?=\(?[a-z]\)?\W*$)",
            r"\b(?:actually|rather|instead),?\s+(?:it\s+is|it's|it\s+should\s+be|it\s+must\s+be)\b",
        ),
        chooses=(
            r"\b(?:i|we|you)(?:\s+(?:would|will|can|must|should|could|may|might|have\s+to|need\s+to|had\s+to)|'d|'ll)?\s+(?:\w+ly\s+)?"
            r"(?:choose|pick|select|go\s+with|guess|take|opt\s+for|chose|picked|selected|answer|lean\s+towards?|settle\s+(?:on|for))\b",
            r"(?:^|[,:]\s)(?:choose|select|pick|choosing|selecting|picking)\b",
            r"\bmy\s+(?:best\s+|educated\s+)?(?:guess|choice|pick|selection)\b[^.:;=\n]{0,40}?(?:\s+(?:is|would\s+be)\b|:)",
        ),
        prefers=(
            rf"\b(?:it|this|that|which|these|they|there)(?:\s+\w+ly)?(?:\s+{_BE}|'s|'re|\s+be)",
            r"\b(?:i|we)(?:\s+(?:would|can|could|'d))?\s+(?:\w+ly\s+)?(?:think|believe|say|conclude|infer|suggest|assume|deduce|see)\b(?:\s+that\b)?",
            r"\b(?:most|more|best|closest|closer|better|greatest|highest|nearest|similar|corresponds?|correspond(?:ing|ed)|matche?s?|"
            r"equivalent|analogous)\b[^.:;\n]{0,100}?(?:\b(?:is|are|be|to|with|by|in|at|as)\b|:)",
            r"\b(?:so|therefore|thus|hence|consequently|in\s+conclusion|overall|ultimately)\b,?[^.;\n]{0,120}?(?:\b(?:is|are|be|to|at|by|with|in)\b|:)",
            r"\b(?:moving|facing|pointing|turning|heading|going|moves|turns|points|faces)\s+(?:to|towards?)\b",
            r"\b(?:points?|leads?|indicat(?:es?|ing)|suggest(?:s|ing)?|correspond(?:s|ing)?|equal(?:s)?|equates?)\s+(?:to|that)?\b",
        ),
        claims=(
            rf"(?:\w+ly\s+|also\s+|indeed\s+)*(?:{_BE}|seems?|appears?|looks?)(?:\s+(?:to\s+be|to\s+have|like))?"
            rf"(?:\s+(?:\w+ly|indeed|therefore|thus|the|an?|most|your|my|our))*\s+{_GOOD}\b",
            rf"(?:{_BE}|seems?|appears?|looks?)(?:\s+to\s+be|\s+to\s+have)?(?:\s+\w+ly|\s+the|\s+much|\s+slightly|\s+a\s+bit|\s+also)*\s+"
            r"(?!(?:under|over|after|other|another|either|rather|never|her|per|water|paper|number|outer|inner|upper|lower|corner|"
            r"center|test|rest|west|forest|guest|chest|quest|request|interest|older|together)\b)(?:\w{2,}er\b|\w{2,}est\b|more\b|most\b|least\b|less\b)",
            r"(?:(?:is|does|would|seems\s+to|appears\s+to)\s+)?(?:more|most|better|best)\s+(?:\w+ly\s+)?(?:and\s+\w+ly\s+)?"
            r"(?:locali[sz]|enclos|captur|encompass|surround|fit|match|align|cover|represent|describ|resembl|correspond)\w*",
            r"(?:\w+ly\s+|best\s+|most\s+|also\s+|would\s+|should\s+|must\s+|could\s+|does\s+|seems?\s+to\s+|appears?\s+to\s+){0,3}"
            r"(?:corresponds?|matche?s|match|fits?|completes?|satisf(?:y|ies)|shares?|resembles?|continues?|follows?|aligns?|answers?|"
            r"has\s+(?:the\s+)?(?:more|most|best|closest|same|greatest|similar|a\s+more|a\s+better)|"
            r"(?:is|would\s+be|are)\s+(?:the\s+)?equivalent|serves?\s+(?:the\s+)?(?:same|similar|a\s+similar))\b",
        ),
        denies=(
            r"(?:\bnot|n't|\bno|\bnever|\bneither|\bnor|\brather\s+than|\binstead\s+of|\brul(?:e|es|ed|ing)\s+out|"
            r"\beliminat(?:e|es|ed|ing)|\bexclud(?:e|es|ed|ing)|\bdiscard(?:s|ed|ing)?|\breject(?:s|ed|ing)?|\bother\s+than|\bunlike|"
            r"\bexcept(?:\s+for)?|\bdismiss(?:ed|ing)?|\bcompared\s+(?:to|with)|\bthan|\bopposed\s+to|\bversus|\bvs)(?:\s+\w+){0,2}",
        ),
        denied=(
            rf"(?:{_BE}|seems?|appears?|looks?|does|do|did|can|could|would|will|has|have)\s+(?:\w+ly\s+|also\s+|clearly\s+|therefore\s+)?(?:not|never)\b",
            r"(?:is|are|was|were|does|do|did|would|could|should|will|has|have|ca)n't\b",
            r"can(?:not|\s+not)\b",
            rf"(?:{_BE}|seems?|appears?)\s+(?:\w+ly\s+|also\s+|clearly\s+|therefore\s+)?(?:incorrect|wrong|false|invalid|unlikely|impossible|eliminated|"
            r"excluded|ruled\s+out|irrelevant|incompatible|inconsistent|out\b|less\s+\w+|the\s+least|a\s+distractor|too\b)",
            r"(?:incorrect|wrong|false)\b",
            r"(?:lacks?|fails?|contradicts?|violates?)\b",
        ),
        conditional=(
            r"\b(?:if|unless|suppose|supposing|assuming|assume|whether|which\s+(?:of|one|image|option|point|box)|were\s+it|in\s+case|would\s+have|let's\s+say|imagine)\b",
        ),
        withdrawn=(
            r"\b(?:wait|scratch\s+that|correction|on\s+second\s+thoughts?|let\s+me\s+(?:re\w+|correct|double|check)|no,\s+(?:that|it|actually)|"
            r"that(?:'s|\s+is)\s+(?:wrong|not\s+right|incorrect|not\s+correct)|hold\s+on|hmm)\b",
        ),
        refuses=(
            _CANNOT,
            r"\b(?:i'?m|i\s+am)\s+(?:sorry|not\s+sure|afraid|uncertain)",
            r"\bi\s+(?:do\s+not|don't)\s+(?:know|have\s+(?:enough|access|the\s+ability|any|an?\s+(?:image|picture)))",
            r"\b(?:do\s+not|don't)\s+see\s+(?:an?|any|the)\s+(?:image|picture|photo)",
            r"\b(?:do|does)(?:n't|\s+not)\s+(?:provide|contain|show|include|have|give)\s+(?:any\s+|enough\s+|sufficient\s+)?"
            r"(?:information|details?|context)",
            r"\bno\s+(?:image|picture|photo|visual)|\bwithout\s+(?:the\s+|an\s+|any\s+)?(?:image|picture|visual)",
            r"\b(?:image|picture|photo)\s+(?:is|was|has)(?:n't|\s+not)\s+(?:been\s+)?(?:provided|visible|available|attached|included|"
            r"shown|loaded|clear)",
            r"\b(?:image|picture|photo)\s+is\s+(?:missing|blank|black|unavailable)",
            r"\b(?:not\s+enough|insufficient|lacks?)\s+(?:\w+\s+)?(?:information|context|detail)",
            r"\b(?:not|im)\s?possible\s+to\b",
            r"\bas\s+an?\s+(?:ai|language\s+model)\b",
            r"\bplease\s+(?:provide|upload|share|attach)\b",
            r"\bnone\s+of\s+the\s+(?:above|options|choices)",
            r"\b(?:difficult|not\s+easy)\s+to\s+(?:\w+ly\s+)?(?:determine|tell|identify)\b",
            r"\bunanswerable\b|\bunclear\b",
        ),
        joins=("and", "or", "as\\s+well\\s+as"),
        nouns=("option", "choice", "letter", "answer"),
    ),
    "Chinese": Cues(
        final=(
            r"(?:答案|答复|正解|正确(?:的)?(?:选项|选择)|最终(?:答案|选择)|选项)\s*(?:应该|应当|应|就|最)?\s*(?:是|为|選|选|:|=)",
            r"(?:应|應|故|所以|因此|我)?(?:该|會|会)?(?:选择|選擇|选|選)(?:项)?\s*(?:的是|为|是|:)?",
        ),
        prefers=(r"(?:所以|因此|故|应该|應該)(?:是|为)?", r"最(?:接近|符合|相似)的(?:是)?"),
        claims=(r"\s*(?:项|選項|选项)?\s*(?:是)?\s*(?:正确|对的|正解|最符合|最合适|符合)",),
        denies=(r"(?:不是|并非|排除|不选|而非|不应)",),
        denied=(r"\s*(?:项|选项)?\s*(?:不正确|错误|不对|不符合|不是|是错)",),
        conditional=(r"(?:如果|假如|若|倘若|要是)",),
        withdrawn=(r"(?:等等|不对,|更正|等一下)",),
        refuses=(r"(?:无法|不能|無法)(?:确定|判断|回答|看到|识别|確定|判斷|辨认)", r"没有(?:提供)?(?:图片|图像|足够)"),
        joins=("和", "或", "或者", "与", "、"),
        nouns=("选项", "選項", "答案"),
    ),
    "Japanese": Cues(
        final=(r"(?:答え|正解|回答|解答|正しい(?:選択肢|答え))\s*(?:は|:|=)",),
        chooses=(r"(?:選択肢)\s*(?=\(?[a-z])",),
        claims=(r"\s*(?:が|は)\s*(?:正解|正しい|適切|最も)", r"\s*を選(?:び|択|ぶ)", r"\s*(?:です|である|だ)(?=\W*$)"),
        denied=(r"\s*(?:では(?:ない|ありません)|は(?:誤り|間違|不正解|正しくな))",),
        conditional=(r"(?:もし)",),
        refuses=(r"(?:分かりません|わかりません|判断できません|答えられません|見えません|できかねます)",),
        joins=("と", "または", "か"),
        nouns=("選択肢",),
    ),
    "Korean": Cues(
        final=(r"(?:정답|답|답변|올바른\s?(?:선택지|답))\s*(?:은|는|이|:|=)",),
        claims=(
            r"\s*(?:가|이|은|는)\s*(?:정답|맞|옳|올바|가장)",
            r"\s*(?:입니다|이다|예요|이에요)(?=\W*$)",
            r"\s*를?\s*선택",
        ),
        denied=(r"\s*(?:가|이|은|는)?\s*(?:아니|아닙|틀|잘못)",),
        conditional=(r"(?:만약|만일)",),
        refuses=(r"(?:알\s?수\s?없|판단할\s?수\s?없|답할\s?수\s?없|볼\s?수\s?없|확인할\s?수\s?없)",),
        joins=("와", "과", "또는", "혹은"),
        nouns=("선택지", "보기"),
    ),
    "German": Cues(
        final=(
            r"\b(?:antwort|lösung|richtige\s+(?:option|wahl|antwort)|korrekte\s+(?:option|antwort))\b[^.:;=\n]{0,40}?"
            r"(?:\b(?:ist|lautet|wäre|heißt)\b(?:\s+(?:daher|also|somit))?|[:=])",
        ),
        chooses=(r"\bich\s+(?:würde\s+|wähle|nehme|entscheide\s+mich\s+für)\b(?:\s+auf)?",),
        prefers=(r"\b(?:es|das|dies)\s+ist\b", r"\b(?:also|daher|somit)\b"),
        claims=(r"(?:ist|wäre|scheint)\s+(?:die\s+)?(?:richtig|korrekt|am\s+\w+|beste)\w*",),
        denies=(r"\b(?:nicht|kein\w*|weder|statt|anstatt)(?:\s+\w+){0,2}",),
        denied=(r"(?:ist|sind|kann|passt)\s+(?:nicht|falsch|ausgeschlossen)\b",),
        conditional=(r"\b(?:wenn|falls|ob)\b",),
        refuses=(
            r"\bkann\b[^.\n]{0,40}\bnicht\s+(?:\w+\s+)?(?:sehen|erkennen|sagen|bestimmen|beantworten|beurteilen)",
            r"\bkein\s+bild\b",
            r"\b(?:weiß|weiss)\s+(?:es\s+)?nicht\b",
        ),
        joins=("und", "oder"),
        nouns=("option", "antwort", "möglichkeit"),
    ),
    "French": Cues(
        final=(
            r"\b(?:réponse|solution|bonne\s+(?:option|réponse)|option\s+correcte|choix\s+correct)\b[^.:;=\n]{0,40}?"
            r"(?:\s(?:est|serait|sera|doit\s+être)\b|[:=])",
        ),
        chooses=(r"\bje\s+(?:choisis|choisirais|sélectionne|prends|dirais|opte\s+pour)\b",),
        prefers=(r"\b(?:c'est|il\s+s'agit\s+de|donc)\b",),
        claims=(r"(?:est|serait|semble(?:\s+être)?)\s+(?:la\s+|le\s+)?(?:bonne|correcte?|juste|meilleure?|plus)\b",),
        denies=(r"\b(?:pas|ni|plutôt\s+que|au\s+lieu\s+de)(?:\s+\w+){0,2}",),
        denied=(r"(?:n'est|ne\s+\w+)\s+pas\b", r"est\s+(?:incorrecte?|fausse|faux)\b"),
        conditional=(r"\b(?:si|s'il)\b",),
        refuses=(
            r"\b(?:ne\s+(?:peux|peut|puis)\s+pas|impossible\s+de|incapable\s+de)\b",
            r"\bje\s+ne\s+(?:sais|vois)\s+pas\b",
            r"\baucune\s+image\b",
        ),
        joins=("et", "ou"),
        nouns=("option", "réponse", "choix"),
    ),
    "Spanish": Cues(
        final=(
            r"\b(?:respuesta|solución|opción\s+correcta|alternativa\s+correcta)\b[^.:;=\n]{0,40}?"
            r"(?:\s(?:es|sería|será|debe\s+ser)\b|[:=])",
        ),
        chooses=(r"\b(?:elijo|elegiría|escojo|selecciono|seleccionaría|diría|optaría\s+por)\b",),
        prefers=(r"\b(?:por\s+lo\s+tanto|es)\b",),
        claims=(r"(?:es|sería|parece(?:\s+ser)?)\s+(?:la\s+|el\s+)?(?:correct[ao]|mejor|más|respuesta)\b",),
        denies=(r"\b(?:no\s+es|ni|en\s+lugar\s+de|en\s+vez\s+de)(?:\s+\w+){0,2}",),
        denied=(r"no\s+(?:es|puede|corresponde)\b", r"es\s+(?:incorrect[ao]|fals[ao])\b"),
        conditional=(r"\bsi\b",),
        refuses=(r"\bno\s+(?:puedo|se\s+puede|es\s+posible|sé|veo|tengo)\b", r"\bninguna\s+imagen\b"),
        joins=("y", "o"),
        nouns=("opción", "respuesta", "alternativa"),
    ),
    "Portuguese": Cues(
        final=(
            r"\b(?:resposta|solução|opção\s+correta|alternativa\s+correta)\b[^.:;=\n]{0,40}?"
            r"(?:\s(?:é|seria|será|deve\s+ser)\b|[:=])",
        ),
        chooses=(r"\b(?:escolho|escolheria|seleciono|diria|optaria\s+por)\b",),
        claims=(r"(?:é|seria|parece(?:\s+ser)?)\s+(?:a\s+|o\s+)?(?:corret[ao]|cert[ao]|melhor|mais|resposta)\b",),
        denies=(r"\b(?:não\s+é|nem|em\s+vez\s+de)(?:\s+\w+){0,2}",),
        denied=(r"não\s+(?:é|pode|corresponde)\b", r"(?:é|está)\s+(?:incorret[ao]|errad[ao]|fals[ao])\b"),
        conditional=(r"\bse\b",),
        refuses=(r"\bnão\s+(?:posso|consigo|é\s+possível|sei|vejo|tenho)\b", r"\bnenhuma\s+imagem\b"),
        joins=("e", "ou"),
        nouns=("opção", "resposta", "alternativa", "letra"),
    ),
    "Italian": Cues(
        final=(
            r"\b(?:risposta|soluzione|opzione\s+(?:corretta|giusta)|scelta\s+corretta)\b[^.:;=\n]{0,40}?"
            r"(?:\s(?:è|sarebbe|sarà|dovrebbe\s+essere)\b|[:=])",
        ),
        chooses=(r"\b(?:scelgo|sceglierei|seleziono|direi|opterei\s+per)\b",),
        claims=(
            r"(?:è|sarebbe|sembra(?:\s+essere)?)\s+(?:la\s+|quella\s+)?(?:corretta|giusta|migliore|più|risposta)\b",
        ),
        denies=(r"\b(?:non\s+è|né|invece\s+di|piuttosto\s+che)(?:\s+\w+){0,2}",),
        denied=(r"non\s+(?:è|può|corrisponde)\b", r"è\s+(?:sbagliata|errata|falsa)\b"),
        conditional=(r"\bse\b",),
        refuses=(r"\bnon\s+(?:posso|riesco|è\s+possibile|so|vedo|ho)\b", r"\bnessuna\s+immagine\b"),
        joins=("e", "o"),
        nouns=("opzione", "risposta", "scelta", "alternativa"),
    ),
    "Russian": Cues(
        final=(
            r"\b(?:ответ|правильный\s+(?:ответ|вариант)|верный\s+(?:ответ|вариант)|решение)\b[^.:;=\n]{0,30}?(?:[:=]|\s-+\s?|(?=\s+\(?[a-z]\)?\W*$))",
        ),
        chooses=(r"\b(?:выбираю|я\s+бы\s+выбрал[а]?|выберу)\b(?:\s+вариант)?",),
        claims=(r"(?:-\s*)?(?:является\s+)?(?:правильн|верн|лучш)\w*", r"(?:соответствует|подходит)\b"),
        denies=(r"\b(?:не|ни|кроме|вместо)(?:\s+\w+){0,1}",),
        denied=(r"(?:не\s+(?:является|подходит|соответствует|верн|правильн))", r"(?:неверн|неправильн)\w*"),
        conditional=(r"\b(?:если)\b",),
        refuses=(
            r"\b(?:не\s+могу|невозможно|не\s+знаю|не\s+вижу)\b",
            r"\bнет\s+(?:изображения|картинки)\b",
        ),
        joins=("и", "или"),
        nouns=("вариант", "ответ"),
    ),
    "Arabic": Cues(
        final=(r"(?:الإجابة|الجواب|الاجابة|الخيار)(?:\s+(?:الصحيحة|الصحيح|النهائية|هي|هو)){0,3}\s*(?:هي|هو|:|=)",),
        chooses=(r"(?:أختار|اخترت|سأختار)(?:\s+الخيار)?",),
        claims=(r"\s*(?:هي|هو)\s+(?:الصحيح|الإجابة|الأفضل|الجواب)\w*", r"\s*صحيح\w*"),
        denies=(r"(?:ليس|ليست|لا)(?:\s+\w+)?",),
        denied=(r"\s*(?:غير\s+صحيح|خاطئ|خطأ|ليس)\w*",),
        conditional=(r"(?:إذا|لو)",),
        refuses=(r"(?:لا\s+(?:أستطيع|يمكنني|يمكن|أعرف|أرى|توجد\s+صورة))",),
        joins=("و", "أو"),
        nouns=("الخيار", "خيار", "الإجابة"),
    ),
    "Hindi": Cues(
        final=(r"(?:उत्तर|जवाब|सही\s+(?:विकल्प|उत्तर))(?:\s+(?:है|होगा))?\s*[:=-]?(?=\s*\(?[a-z]\b)",),
        claims=(r"\s*(?:सही|उचित)\s*(?:उत्तर|विकल्प|जवाब)?\s*(?:है)?",),
        denies=(r"(?:न\s+कि)",),
        denied=(r"\s*(?:सही\s+)?(?:नहीं|गलत|ग़लत)",),
        conditional=(r"(?:यदि|अगर)",),
        refuses=(r"(?:नहीं\s+(?:बता|देख|कह|जान)\s*सकता|असमर्थ|पता\s+नहीं)",),
        joins=("और", "या"),
        nouns=("विकल्प",),
    ),
}


LATIN = ("English", "German", "French", "Spanish", "Portuguese", "Italian")
_BEYOND_LATIN = re.compile("[\u0370-\u1fff\u3040-\ud7ff\uf900-\ufdff\ufe70-\ufeff]")


_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Patterns:
    """The cues of several languages, compiled: each pattern with how it is held against the text."""

    final: Mapping[str, re.Pattern[str]]  # matched where a word begins, by that word
    final_anywhere: re.Pattern[str] | None  # searched
    prefers: re.Pattern[str]  # searched
    claims: re.Pattern[str]  # matched behind an option
    denies: re.Pattern[str]  # searched, up to the end of what stands before an option
    denied: re.Pattern[str]  # matched behind an option
    conditional: re.Pattern[str]  # searched
    withdrawn: re.Pattern[str]  # searched
    refuses: re.Pattern[str]  # searched


def _find_heads(part: str) -> set[str]:
    """The words that a fragment may begin with, where it begins with words; empty where that can't be told."""
    if not part.startswith("\\b"):
        return set()
    rest = part[2:]
    if not rest.startswith("(?:"):
        word = _WORD.match(rest)
        return {word[0]} if word else set()
    depth, place, alternatives, begin = 1, 3, [], 3
    while depth and place < len(rest):
        sign = rest[place]
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0 or (sign == "|" and depth == 1):
            alternatives.append(rest[begin:place])
            begin = place + 1
        place += 1
    words = [_WORD.match(alternative) for alternative in alternatives]
    if rest[place : place + 1] in ("?", "*") or not all(words):
        return set()
    return {word[0] for word in words if word}


def find_cues(patterns: Patterns, low: str) -> list[re.Match[str]]:
    """Every cue for a final answer in a lower-case text, in order; of cues that overlap, the first."""
    matches: list[re.Match[str]] = []
    end = 0
    for word in _WORD.finditer(low):
        pattern = patterns.final.get(word[0]) if word.start() >= end else None
        match = pattern.match(low, word.start()) if pattern else None
        if match:
            matches.append(match)
            end = match.end()
    if patterns.final_anywhere:
        matches += patterns.final_anywhere.finditer(low)
        matches.sort(key=lambda match: match.start())
    return matches


def _compile(languages: Iterable[str]) -> Patterns:
    def join(*kinds: str) -> str:
        parts = [part for name in languages for kind in kinds for part in getattr(LANGUAGES[name], kind)]
        return "|".join(f"(?:{part})" for part in parts)

    by_head: dict[str, list[str]] = {}
    anywhere: list[str] = []
    for part in (
        part for name in languages for kind in ("final", "chooses") for part in getattr(LANGUAGES[name], kind)
    ):
        heads = _find_heads(part)
        for word in heads:
            by_head.setdefault(word, []).append(part)
        if not heads:
            anywhere.append(part)
    return Patterns(
        final={word: re.compile("|".join(f"(?:{part})" for part in some)) for word, some in by_head.items()},
        final_anywhere=re.compile("|".join(f"(?:{part})" for part in anywhere)) if anywhere else None,
        prefers=re.compile(join("prefers")),
        claims=re.compile(rf"\s*(?:{join('claims')})"),
        denies=re.compile(rf"(?:{join('denies')})[\s\"'(\[]*$"),
        denied=re.compile(rf"\s*[(\[]?(?:{join('denied')})"),
        conditional=re.compile(join("conditional")),
        withdrawn=re.compile(join("withdrawn")),
        refuses=re.compile(join("refuses")),
    )


_LATIN, _ALL = _compile(LATIN), _compile(LANGUAGES)
JOINS = "|".join(part for cues in LANGUAGES.values() for part in cues.joins)
NOUNS = "|".join(sorted({part for cues in LANGUAGES.values() for part in cues.nouns}, key=len, reverse=True))


def choose_patterns(text: str) -> Patterns:
    """The patterns of the languages whose script a text is in: fewer, and so faster, for Latin letters alone."""
    return _ALL if _BEYOND_LATIN.search(text) else _LATIN
