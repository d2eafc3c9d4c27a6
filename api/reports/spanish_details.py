"""The details of findings and evidence in Spanish, by their English templates; what a template fits first, it is."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Final

_Pairs = tuple[tuple[str, str], ...]

_VOUCHED: Final = (
    ("a root that is trusted", "una raíz de confianza"),
    ("no root that is trusted here", "ninguna raíz en la que aquí se confíe"),
)
_WHOSE: Final = (
    ("which is trusted", "que es de confianza"),
    ("for whom no root that is trusted here vouches", "por quien no responde ninguna raíz en la que aquí se confíe"),
)
_AUTHORITY: Final = (
    ("that is trusted", "que es de confianza"),
    ("for whom no root that is trusted here vouches", "por la que no responde ninguna raíz en la que aquí se confíe"),
)
_MADE_FOR: Final = (
    ("was made for other bytes ({why})", "se hicieron para otros bytes ({why})"),
    ("is whole", "están íntegros"),
)
_RECORDED: Final = (("minted", "acuñó"), ("anchored", "ancló"))
_ENDED: Final = (("revoked", "revocó"), ("rotated", "sustituyó"))
_LIKE: Final = "{alike} over {length} s, from {from} s on"
_ALIKE: Final = "{alike} a lo largo de {length} s, desde el segundo {from}"
_KEY: Final = "the public key", "la clave pública"
_KEYS: Final = (_KEY, ("the private key {name}", "la clave privada {name}"))
_SEARCHED: Final = (
    ("; other speeds and pitches were not searched", "; no se buscó a otras velocidades y tonos"),
    ("", ""),
)
_SEEN: Final = (
    "found from {start} s to {end} s, score {score}, false with probability below {chance}",
    "encontrada de {start} s a {end} s, puntuación {score}, falsa con probabilidad menor que {chance}",
)


def _each(english: str, other: str, *choices: _Pairs) -> _Pairs:
    """A template for each way to choose; ``<0>``, ``<1>`` are where the choices go."""
    made = []
    for chosen in product(*choices):
        pair = [english, other]
        for at, words in enumerate(chosen):
            pair = [text.replace(f"<{at}>", word) for text, word in zip(pair, words, strict=True)]
        made.append((pair[0], pair[1]))
    return tuple(made)


DETAILS: Final[Mapping[str, _Pairs]] = {
    "watermark": (
        _SEEN,
        *_each("no mark was found under <0><1>", "no se encontró ninguna marca con <0><1>", _KEYS, _SEARCHED),
        *_each(
            "too much was heard under <0> that says nothing: the rest was not read; audit parts of the file",
            "se oyó con <0> demasiado que no dice nada: el resto no se leyó; audite partes del archivo",
            _KEYS,
        ),
    ),
    "foreign mark": (("no track on this chain has this mark", "ninguna pista de esta cadena tiene esta marca"),),
    "fingerprint": (
        (
            f"sounds like the track: {_LIKE}; the mark is gone or unreadable",
            f"suena como la pista: {_ALIKE}; la marca no está o no se puede leer",
        ),
        (f"sounds like the track: {_LIKE}", f"suena como la pista: {_ALIKE}"),
        (
            f"does not sound like the track ({_LIKE}): its mark was copied onto other audio, or lies under it",
            f"no suena como la pista ({_ALIKE}): su marca se copió en otro audio, o está debajo de él",
        ),
        (
            f"so much is marked that the pitch of each piece cannot be looked for; as its mark says it: {_LIKE}",
            f"hay tanto marcado que no se puede buscar el tono de cada parte; según dice su marca: {_ALIKE}",
        ),
        (
            f"too short, or too much altered, to tell whether its mark was copied: {_LIKE}",
            f"demasiado corto, o demasiado alterado, para saber si se copió su marca: {_ALIKE}",
        ),
        (
            "{missed} of {asked} tracks could not be compared: record or fingerprint out of reach, or bad",
            "{missed} de {asked} pistas no se pudieron comparar: registro o huella fuera de alcance, o mal",
        ),
    ),
    "iscc": (("{bits} of 64 bits differ from the original's", "{bits} de 64 bits difieren de los del original"),),
    "audio": _each(
        "this is the very file that was <0>, byte for byte", "es el mismo archivo que se <0>, byte a byte", _RECORDED
    ),
    "samples": _each(
        "another file with the very samples that were <0>",
        "otro archivo con las mismas muestras",
        (("minted", ""), ("anchored", "")),
    ),
    "mark": (("its mark is gone or unreadable", "su marca no está o no se puede leer"),),
    "mix": (("{other} s of {whole} s are other sound", "{other} s de {whole} s son otro sonido"),),
    "excerpt": (("{heard} s of its {whole} s", "{heard} s de sus {whole} s"),),
    **dict.fromkeys(
        ("speed", "tempo", "pitch"),
        (
            *_each(
                "tempo x {tempo}, pitch x {pitch} of the track's, as its <0>",
                "tempo × {tempo} y tono × {pitch} de los de la pista, según <0>",
                (("mark says", "su marca"), ("mark and sound say", "su marca y su sonido")),
            ),
        ),
    ),
    "manifest": (
        ("no C2PA manifest is in the file, or beside it", "no hay metadatos C2PA en el archivo, ni a su lado"),
        *_each("whole, signed by {who}, who leads to <0>", "íntegros, firmados por {who}, que lleva a <0>", _VOUCHED),
        (
            "made with {program}, it names no track of any chain; it says that a trained model made the sound",
            "hechos con {program}, no nombran pista de ninguna cadena; dicen que un modelo entrenado hizo el sonido",
        ),
        (
            "made with {program}, it names no track of any chain",
            "hechos con {program}, no nombran pista de ninguna cadena",
        ),
        (
            "signed by {who}; but it leaves out more of the file than itself, so that nobody can tell "
            "whether that is what it was, and C2PA's reader refuses it",
            "firmados por {who}; pero dejan fuera más del archivo que a sí mismos, de modo que nadie puede saber "
            "si eso es lo que era, y el lector de C2PA los rechaza",
        ),
        (
            "{path}: its manifest lies on {host}, and nothing is fetched: put it beside the file, as {name}.c2pa",
            "{path}: sus metadatos firmados están en {host}, y nada se descarga: "
            "póngalos junto al archivo, como {name}.c2pa",
        ),
        (
            "it names a track of chain {chain}, contract {contract}: another one than is asked here",
            "nombran una pista de la cadena {chain}, contrato {contract}: otra que la consultada aquí",
        ),
        ("no track {track} is on this chain", "no hay ninguna pista {track} en esta cadena"),
        (
            "it gives track {track} the claim {claim}; the chain has {held}",
            "dan a la pista {track} la declaración {claim}; la cadena tiene {held}",
        ),
        (
            "signed with the key that {who}, who made the track, published on chain",
            "firmados con la clave que {who}, autor de la pista, publicó en la cadena",
        ),
        (
            "signed by somebody else than {who}, who made the track, as far as published keys tell",
            "firmados por otro que {who}, autor de la pista, según las claves publicadas",
        ),
    ),
    "manifest place": (
        *_each("it <0>, and names no track that is known", "<0>, y no nombran ninguna pista conocida", _MADE_FOR),
        ("its manifest belongs to this file", "sus metadatos firmados son de este archivo"),
        *_each(
            "a manifest that <0> names this track, and none could tell if this is it",
            "unos metadatos firmados que <0> nombran esta pista, y no se pudo saber si es esta",
            _MADE_FOR,
        ),
        *_each(
            "a manifest that <0> names this track, which this is not",
            "unos metadatos firmados que <0> nombran esta pista, y no es esta",
            _MADE_FOR,
        ),
        (
            "the file was changed after its manifest was signed ({why})",
            "el archivo se cambió después de firmar sus metadatos ({why})",
        ),
    ),
    "time stamp": (
        *_each(
            "signed by {time}, says a time-stamp authority <0>",
            "firmados antes de {time}, dice una autoridad de sellado de tiempo <0>",
            _AUTHORITY,
        ),
        (
            "it has no time stamp: nobody says when it was signed",
            "no tienen sello de tiempo: nadie dice cuándo se firmaron",
        ),
        (
            "the time stamp does not bring the certificate of whoever signed it",
            "el sello de tiempo no trae el certificado de quien lo firmó",
        ),
        *_each(
            "signed by {time}, says {who}, <0>; that is after the block that registered it",
            "firmado antes de {time}, dice {who}, <0>; es después del bloque que lo inscribió",
            _WHOSE,
        ),
        *_each("signed by {time}, says {who}, <0>", "firmado antes de {time}, dice {who}, <0>", _WHOSE),
    ),
    "ledger": (
        (
            "{path} holds no ledger to look it up in; is STEMMATA_HOME right?",
            "{path} no contiene ningún libro de registros donde buscarlo; ¿es correcto STEMMATA_HOME?",
        ),
    ),
    "reorganisation": (
        (
            "track {track} was recorded in block {block} ({hash}), which the chain has dropped",
            "la pista {track} se inscribió en el bloque {block} ({hash}), que la cadena ha descartado",
        ),
    ),
    "anchor": (
        (
            "leaf {leaf} of {size} in batch {root}, anchored in block {block}",
            "hoja {leaf} de {size} del lote {root}, anclado en el bloque {block}",
        ),
        (
            "what was anchored in {count} batches is not known, as of root {root} by {who}: "
            "their leaves are out of reach, or not those",
            "no se sabe qué se ancló en {count} lotes, como el de raíz {root} de {who}: "
            "sus hojas no están al alcance, o son otras",
        ),
        (
            "{earlier} had anchored this very file before, in block {before} under root {root}; "
            "{who} minted it in block {block}",
            "{earlier} había anclado antes este mismo archivo, en el bloque {before} bajo la raíz {root}; "
            "{who} lo acuñó en el bloque {block}",
        ),
    ),
    "minting": (
        (
            "anchored in block {block} under root {root}, not minted",
            "anclada en el bloque {block} bajo la raíz {root}, sin acuñar",
        ),
    ),
    "confirmations": (
        *_each(
            "<0> in block {block} ({hash}), under {count} blocks; final under {final}",
            "se <0> en el bloque {block} ({hash}), bajo {count} bloques; es definitivo bajo {final}",
            _RECORDED,
        ),
        *_each(
            "<0> in block {block} ({hash}), under {count} blocks",
            "se <0> en el bloque {block} ({hash}), bajo {count} bloques",
            _RECORDED,
        ),
    ),
    "record": (
        ("{digest}, signed by {who}", "{digest}, firmado por {who}"),
        ("{digest}, anchored by {who}", "{digest}, anclado por {who}"),
    ),
    "token": (
        (
            "its watermark is the token, its claim, audio digest and creator are the chain's",
            "su marca de agua es la ficha, y su declaración, el resumen de su audio y su autor son los de la cadena",
        ),
    ),
    "model license": (
        ("its creator trained model {model}", "su autor entrenó el modelo {model}"),
        (
            "its creator was licensed to generate with model {model}",
            "su autor tenía licencia para generar con el modelo {model}",
        ),
        *_each(
            "its creator had no license for model {model} when it was <0>",
            "su autor no tenía licencia del modelo {model} cuando se <0>",
            _RECORDED,
        ),
    ),
    "training run": (
        (
            "weights, trainer, datasets, shares and royalty are the chain's",
            "los pesos, quien entrenó, los conjuntos de datos, las partes y la regalía son los de la cadena",
        ),
    ),
    "dataset reference": (
        (
            "names dataset {dataset} by the digests that the chain holds",
            "nombra el conjunto de datos {dataset} por los resúmenes que tiene la cadena",
        ),
    ),
    "license": (
        (
            "dataset {dataset} was licensed for training (license {license})",
            "el conjunto de datos {dataset} tenía licencia para entrenamiento (licencia {license})",
        ),
        (
            "its trainer had no license for dataset {dataset} when it was recorded",
            "quien lo entrenó no tenía licencia del conjunto de datos {dataset} cuando se inscribió",
        ),
        (
            "license {license}, which its record names, was none for dataset {dataset}",
            "la licencia {license}, que nombra su registro, no lo era del conjunto de datos {dataset}",
        ),
        (
            "its trainer owned dataset {dataset} when it was recorded",
            "el conjunto de datos {dataset} era de quien lo entrenó cuando se inscribió",
        ),
    ),
    "license now": (
        (
            "its trainer is still licensed for dataset {dataset}",
            "quien lo entrenó aún tiene licencia del conjunto de datos {dataset}",
        ),
        (
            "its trainer's license for dataset {dataset} has ended since",
            "la licencia de quien lo entrenó para el conjunto de datos {dataset} ha vencido después",
        ),
    ),
    "license terms": (
        (
            "licensee, subject, uses, end, price and royalty are the chain's",
            "el licenciatario, el objeto, los usos, el fin, el precio y la regalía son los de la cadena",
        ),
    ),
    "merkle root": (
        ("root over {count} recordings is the chain's", "la raíz sobre {count} grabaciones es la de la cadena"),
    ),
    "terms": (
        (
            "price, royalty, uses and end are those it was registered with",
            "el precio, la regalía, los usos y el fin son aquellos con los que se inscribió",
        ),
    ),
    "recordings": (
        (
            "{held} of {count} encrypted recordings are in the store",
            "{held} de {count} grabaciones cifradas están en el almacén",
        ),
    ),
    "consent": (
        ("the holder has not withdrawn consent", "el titular no ha retirado su consentimiento"),
        (
            "the holder has withdrawn consent for new licenses",
            "el titular ha retirado su consentimiento para nuevas licencias",
        ),
    ),
    "key": (
        ("the key of {who} has not ended", "la clave de {who} sigue valiendo"),
        *_each(
            "registered in block {block}, after the key of {who} was <0> in block {end}, {time}",
            "inscrito en el bloque {block}, después de que la clave de {who} se <0> en el bloque {end}, {time}",
            _ENDED,
        ),
        (
            "registered in block {block}, while the key of {who} counted",
            "inscrito en el bloque {block}, mientras valía la clave de {who}",
        ),
        *_each(
            "the key of {who} was <0> in block {block}, {time} by its recovery {recovery}; {next} goes on",
            "la clave de {who} se <0> en el bloque {block}, {time}, por su recuperación {recovery}; sigue {next}",
            _ENDED,
        ),
        *_each(
            "the key of {who} was <0> in block {block}, {time}; {next} goes on",
            "la clave de {who} se <0> en el bloque {block}, {time}; sigue {next}",
            _ENDED,
        ),
        *_each(
            "the key of {who} was <0> in block {block}, {time} by its recovery {recovery}",
            "la clave de {who} se <0> en el bloque {block}, {time}, por su recuperación {recovery}",
            _ENDED,
        ),
        *_each(
            "the key of {who} was <0> in block {block}, {time}",
            "la clave de {who} se <0> en el bloque {block}, {time}",
            _ENDED,
        ),
    ),
    "co-signature": (
        ("none: {who} had published no ML-DSA key", "no hay: {who} no había publicado ninguna clave ML-DSA"),
        (
            "none, although {who} had published an ML-DSA key in block {block}",
            "no hay, aunque {who} había publicado una clave ML-DSA en el bloque {block}",
        ),
        (
            "by {key}, which {who} published in block {block}, but replaced since",
            "de {key}, que {who} publicó en el bloque {block}, y sustituyó después",
        ),
        (
            "by {key}, which {who} published in block {block}, after this",
            "de {key}, que {who} publicó en el bloque {block}, después de esto",
        ),
        ("by {key}, which {who} never published", "de {key}, que {who} nunca publicó"),
        ("{key}, published by {who} in block {block}", "{key}, publicada por {who} en el bloque {block}"),
    ),
    "replay": (
        (
            "made again from seed {seed}: the very samples, bit for bit",
            "hecha de nuevo con la semilla {seed}: las mismas muestras, bit a bit",
        ),
        (
            "made again from seed {seed}: the same but for rounding, {snr} dB below the music",
            "hecha de nuevo con la semilla {seed}: la misma salvo el redondeo, {snr} dB por debajo de la música",
        ),
    ),
    "bundle": (
        (
            "made {time} at block {block} of chain {chain}, signed by nobody: "
            "what it says of the chain and does not prove is on the word of its giver",
            "hecho {time} en el bloque {block} de la cadena {chain}, sin firma: "
            "lo que dice de la cadena y no prueba vale lo que la palabra de quien lo dio",
        ),
        (
            "made {time} at block {block} of chain {chain}, signed by {who}, "
            "on whose word is what it says of the chain and does not prove",
            "hecho {time} en el bloque {block} de la cadena {chain}, firmado por {who}, "
            "de cuya palabra es lo que dice de la cadena y no prueba",
        ),
        (
            "it is about another file, whose SHA-256 is {digest}: have one made for this file",
            "trata de otro archivo, cuyo SHA-256 es {digest}: pida uno para este archivo",
        ),
    ),
    "chain proof": (
        (
            "{proved} of {all} log entries are proved to be in their blocks: "
            "the others are on the word of whoever gave the bundle",
            "{proved} de {all} entradas del registro están probadas en sus bloques: "
            "las demás valen lo que la palabra de quien dio el paquete",
        ),
        (
            "{count} log entries are proved to be in blocks of the hashes that the bundle names; "
            "that chain {chain} has these is all there is to trust for them: {hashes}, and {more} more",
            "{count} entradas del registro están probadas en bloques de los hashes que nombra el paquete; "
            "que la cadena {chain} los tenga es todo lo que hay que creer de ellas: {hashes}, y {more} más",
        ),
        (
            "{count} log entries are proved to be in blocks of the hashes that the bundle names; "
            "that chain {chain} has these is all there is to trust for them: {hashes}",
            "{count} entradas del registro están probadas en bloques de los hashes que nombra el paquete; "
            "que la cadena {chain} los tenga es todo lo que hay que creer de ellas: {hashes}",
        ),
    ),
    "evidence digest": (
        (
            "the SHA-256 of this file is the track's on chain",
            "el SHA-256 de este archivo es el de la pista en la cadena",
        ),
        (
            "the SHA-256 of this file is in a leaf under an anchored root",
            "el SHA-256 de este archivo está en una hoja bajo una raíz anclada",
        ),
        *_each(
            "another file with the very samples that were <0>",
            "otro archivo con las mismas muestras",
            (("minted", ""), ("anchored", "")),
        ),
    ),
    "evidence manifest": (
        ("trusted, signed by {who}", "de confianza, firmados por {who}"),
        ("valid, signed by {who}", "íntegros, firmados por {who}"),
        ("invalid ({why}), signed by {who}", "inválidos ({why}), firmados por {who}"),
    ),
    "evidence watermark": ((f"{{mark}}: {_SEEN[0]}", f"{{mark}}: {_SEEN[1]}"),),
    "evidence fingerprint": (("{alike} alike over {length} s", "{alike} de parecido a lo largo de {length} s"),),
}
