"""Reads what `quadzero export` prints with other people's parsers.

    check.py TOOLS FOLDER

- *.sh: bash and sh read it; each `az` line gets past the argument parser of the real azure-cli, which then asks for a
  login; and so do the `az` lines in comments of the other languages.
- *.ps1, *.bicep: grammars of tree-sitter find no error; PowerShell calls no command but those that are meant.
- *.bicep: pycep reads the same resources out of it as stand in the *.json beside it.
- *.json: every property is one of Azure's network API, of the right type, and none that it requires is missing.
- *.tf: Terraform's parser reads it, its formatter has nothing to change, and every argument is one of the provider azurerm.

Each check is also given something broken, and has to find it. Ends with `N passed, N failed`.
"""

import contextlib
import enum
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import typing

TOOLS, FOLDER = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
HERE = pathlib.Path(__file__).parent
NETWORK = "Microsoft.Network/"
# Without a login and without a network: azure-cli keeps its files in a folder of this run's own.
os.environ.update(AZURE_CONFIG_DIR=tempfile.mkdtemp(), AZURE_CORE_COLLECT_TELEMETRY="no")

passed, failed = 0, 0


def check(what, problem):
    """A check: `problem` is what is wrong, or nothing."""
    global passed, failed
    if problem:
        failed += 1
        print(f"FAILED {what}: {problem}")
    else:
        passed += 1


def finds(what, problem):
    """A check of a check: something is wrong here, and has to be found."""
    check(f"control: {what}", None if problem else "was not found")


def files(ending):
    found = sorted(FOLDER.glob(f"*.{ending}"))
    check(f"there are files .{ending}", None if len(found) > 5 else found)
    return found


# ---- The shell, and Azure's command line


def words(shell, script):
    """The arguments of every `az` that the script calls, as a shell passes them."""
    az = "az() { printf '%s\\0' \"$@\"; printf '\\1\\0'; }\n"
    environment = {"PATH": os.environ["PATH"], "SHARED_KEY": "it's $(secret)", "MD5_KEY": "`key`"}
    ran = subprocess.run([shell, "-c", az + script], capture_output=True, text=True, env=environment)
    if ran.returncode or ran.stderr:
        raise ValueError(ran.stderr)
    calls = ran.stdout.split("\1\0")[:-1]
    return [call.split("\0")[:-1] for call in calls]


def login_asked_for(cli, arguments):
    """Nothing, if azure-cli got as far as to want a login; else what it said."""
    # The one command that reads a file before it asks.
    arguments = [a.replace("FILE.bicep", f"{FOLDER}/udr.json").replace("FILE.json", f"{FOLDER}/udr.json") for a in arguments]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = cli.invoke(arguments)
        except SystemExit as stop:
            code = stop.code
        except Exception as error:  # azure-cli's own failures are this check's, too
            code = repr(error)
    text = said.getvalue()
    return None if code == 1 and "az login" in text else f"{arguments}: {code}: {text.strip().splitlines()[:1]}"


def azure():
    from azure.cli.core import get_default_cli
    from knack.log import CLI_LOGGER_NAME
    import logging

    cli = get_default_cli()
    # Its messages go to a stream that it keeps from its first command on: one that follows sys.stderr.
    class Following(logging.StreamHandler):
        stream = property(lambda self: sys.stderr, lambda self, value: None)

    cli.logging.configure([])
    for name in (CLI_LOGGER_NAME, "az"):
        logging.getLogger(name).handlers = [Following()]
    cli.logging.configure = lambda args: None

    for file in files("sh"):
        script = file.read_text()
        for shell in ("bash", "sh"):
            syntax = subprocess.run([shell, "-n", file], capture_output=True, text=True)
            check(f"{file.name}: {shell} -n", syntax.stderr)
        calls = words("bash", script)
        check(f"{file.name}: bash and sh agree", calls != words("sh", script))
        check(f"{file.name}: every line is a call", len(calls) != len(re.findall("^az ", script, re.M)))
        for call in calls:
            check(f"{file.name}: az", login_asked_for(cli, call))
            finds(f"{file.name}: an unknown option", login_asked_for(cli, [*call, "--no-such-option", "1"]))
            if "--output" not in call:
                at = call.index(next(word for word in call if word.startswith("--resource-group")))
                finds(f"{file.name}: no group", login_asked_for(cli, call[:at] + call[at + (1 if "=" in call[at] else 2):]))
    route = "network route-table route create -g g --route-table-name t -n r --address-prefix 0.0.0.0/0 --next-hop-type".split()
    check("a next hop type", login_asked_for(cli, [*route, "Internet"]))
    finds("an unknown next hop type", login_asked_for(cli, [*route, "Home"]))
    keys = [word for call in words("bash", (FOLDER / "hostile.sh").read_text()) for word in call if "key=" in word]
    check("keys are passed on as they are", keys != ["--shared-key=it's $(secret)", "--shared-key=`key`"])
    said = [(file.name, line) for ending in ("ps1", "tf", "bicep", "json") for file in files(ending) for line in commands(file)]
    check("there are commands in comments", len(said) < 20)
    for name, line in said:
        for call in words("sh", line):
            check(f"{name}: az in a comment", login_asked_for(cli, call))


def commands(file):
    """The `az` lines of comments."""
    if file.suffix == ".json":
        comments = json.loads(file.read_text())["metadata"]["comments"]
        return [line for line in comments if line.startswith("az ")]
    return re.findall(r"^(?:#|//)   (az .*)$", file.read_text(), re.M)


# ---- PowerShell and Bicep


def grammar(module):
    import tree_sitter

    return tree_sitter.Parser(tree_sitter.Language(module.language()))


def nodes(node):
    yield node
    for child in node.children:
        yield from nodes(child)


def errors(parser, text):
    return [n.text for n in nodes(parser.parse(text.encode()).root_node) if n.type == "ERROR" or n.is_missing]


def powershell():
    import tree_sitter_powershell

    parser = grammar(tree_sitter_powershell)
    meant = re.compile(r"(Get|New|Set|Add)-Az(ResourceGroup|RouteTable|RouteConfig|VirtualNetwork|VirtualNetworkSubnetConfig"
                       r"|VirtualNetworkGateway|VirtualNetworkGatewayDefaultSite|VirtualNetworkGatewayConnection"
                       r"|VirtualNetworkGatewayLearnedRoute|LocalNetworkGateway|ExpressRouteCircuit|ExpressRouteCircuitPeeringConfig"
                       r"|RouteServerPeer)|Out-Null|Format-Table")

    def others(text):
        root = parser.parse(text.encode()).root_node
        called = [n.text.decode() for n in nodes(root) if n.type == "command_name"]
        return [name for name in called if not meant.fullmatch(name)]

    for file in files("ps1"):
        # This grammar takes the digit at the end of a parameter's name for a redirection.
        text = re.sub(r"(-\w+Gateway)[12] ", r"\1N ", file.read_text())
        check(f"{file.name}: grammar", errors(parser, text))
        check(f"{file.name}: commands", others(text))
    finds("a string without an end", errors(parser, "Get-AzRouteTable -Name 'a\n"))
    finds("a command of somebody else", others("$a = 'x'; Remove-AzRouteTable; ''"))


def bicep():
    import pycep
    import tree_sitter_bicep

    parser = grammar(tree_sitter_bicep)
    for file in files("bicep"):
        text = file.read_text()
        check(f"{file.name}: grammar", errors(parser, text))
        symbols = re.findall(r"^(?:resource|param) (\w+)", text, re.M)
        check(f"{file.name}: a symbol twice", len(symbols) != len(set(symbols)))
        template = json.loads(file.with_suffix(".json").read_text())
        ours, theirs = resources(pycep.BicepParser().parse(text=text)), [same(r) for r in template["resources"]]
        check(f"{file.name}: says what {file.stem}.json says", ours != theirs and f"{ours} != {theirs}")
    finds("an object without an end", errors(parser, "resource a 'b@c' = {\n"))


def resources(parsed):
    """What the Bicep file makes, as a template says it."""
    known = parsed.get("resources", {})

    def path(resource):
        parent = resource["config"].get("parent")
        return [*(path(known[parent]) if parent else []), resource["config"]["name"]]

    def value(tree):
        match tree:
            case {"operator": {"operands": {"operand_1": symbol, "operand_2": "id"}}}:
                names = ", ".join(f"'{name}'" for name in path(known[symbol]))
                return f"[resourceId('{known[symbol]['type']}', {names})]"
            case dict():
                return {key: value(inner) for key, inner in tree.items()}
            case list():
                return [value(inner) for inner in tree]
            case "location" | "sharedKey" | "md5Key":
                return f"[parameters('{tree}')]"
        return tree

    made = [resource for resource in known.values() if not resource["existing"]]
    return [{"type": r["type"], "apiVersion": r["api_version"], "name": "/".join(path(r)),
             "location": value(r["config"].get("location")), "properties": value(r["config"]["properties"])} for r in made]


def same(resource):
    return {key: resource.get(key) for key in ("type", "apiVersion", "name", "location", "properties")}


# ---- Templates of Azure Resource Manager


def arm():
    import typing_extensions
    from azure.mgmt.network import models, types

    names = {**vars(models), **vars(types)}
    classes = {"routeTables": "RouteTable", "routeTables/routes": "Route", "localNetworkGateways": "LocalNetworkGateway",
               "connections": "VirtualNetworkGatewayConnection", "expressRouteCircuits/peerings": "ExpressRouteCircuitPeering",
               "virtualHubs/bgpConnections": "BgpConnection"}

    def fits(value, kind, at):
        """What is wrong with a value, by a type of the network API."""
        if typing.get_origin(kind) is typing_extensions.Required:
            kind = typing.get_args(kind)[0]
        if typing.get_origin(kind) is typing.Union:
            kinds = typing.get_args(kind)
            words = [one for one in kinds if isinstance(one, type) and issubclass(one, enum.Enum)]
            return min((fits(value, one, at) for one in words or kinds), key=len)
        if typing.get_origin(kind) is list:
            if not isinstance(value, list):
                return [f"{at}: no list"]
            return [p for i, one in enumerate(value) for p in fits(one, typing.get_args(kind)[0], f"{at}[{i}]")]
        if typing_extensions.is_typeddict(kind):
            known = typing_extensions.get_type_hints(kind, names, include_extras=True)
            if not isinstance(value, dict):
                return [f"{at}: no object"]
            problems = [f"{at}.{key}: unknown" for key in value if key not in known]
            required = [key for key, inner in known.items() if typing.get_origin(inner) is typing_extensions.Required]
            problems += [f"{at}.{key}: missing" for key in required if key not in value]
            return problems + [p for key in value if key in known for p in fits(value[key], known[key], f"{at}.{key}")]
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return [] if value in [one.value for one in kind] else [f"{at}: {value!r} is none of its words"]
        if kind in (int, str, bool) and type(value) is not kind:
            return [f"{at}: no {kind.__name__}"]
        return []

    def problems(template):
        found = [key for key in ("$schema", "contentVersion", "resources") if key not in template]
        text = json.dumps(template)
        found += [name for name in re.findall(r"parameters\('(\w+)'\)", text) if name not in template["parameters"]]
        found += [name for name, p in template["parameters"].items() if p["type"] == "securestring" and "defaultValue" in p]
        ids = {"[resourceId('" + r["type"] + "', '" + r["name"].replace("/", "', '") + "')]" for r in template["resources"]}
        for resource in template["resources"]:
            kind, name = resource["type"].removeprefix(NETWORK), resource["name"]
            if kind.count("/") != name.count("/"):
                found.append(f"{name}: no name for a {kind}")
            found += [f"{name} depends on {one}" for one in resource.get("dependsOn", []) if one not in ids]
            extra = {"apiVersion", "dependsOn"}
            body = {key: value for key, value in resource.items() if key not in extra}
            found += fits(body, getattr(types, classes[kind]), kind)
        return found

    for file in files("json"):
        template = json.loads(file.read_text())
        check(f"{file.name}: says itself again", json.loads(json.dumps(template)) != template)
        check(f"{file.name}: schema", problems(template))
    template = (FOLDER / "gateway.json").read_text()
    for what, wrong in {
        "an unknown property": template.replace("bgpPeeringAddress", "bgpAddress"),
        "a missing property": template.replace('"connectionType": "IPsec",', ""),
        "a number that is a string": template.replace('"asn": 65010', '"asn": "65010"'),
        "an unknown word": template.replace('"IPsec"', '"Ipsek"'),
        "a dependency on nothing": template.replace('"name": "edge-10.51.255.254"', '"name": "edge"'),
        "an unknown parameter": template.replace('"sharedKey": {', '"key": {'),
    }.items():
        finds(what, wrong != template and problems(json.loads(wrong)))


# ---- Terraform


def terraform():
    paths = files("tf")
    if real := shutil.which("terraform"):
        quiet = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull}
        fmt = subprocess.run([real, "fmt", "-check", "-diff", FOLDER], capture_output=True, text=True, env=quiet)
        check("terraform fmt -check", fmt.returncode and fmt.stdout + fmt.stderr)
    else:
        print("NOT RUN: terraform fmt -check, since there is no terraform; its formatter's library alone has looked")
    with tempfile.TemporaryDirectory() as folder:
        broken, crooked = pathlib.Path(folder, "broken.tf"), pathlib.Path(folder, "crooked.tf")
        broken.write_text('a = "${"\n')
        crooked.write_text((FOLDER / "udr.tf").read_text().replace("source  =", "source ="))
        read = hcl([*paths, broken, crooked])
        finds("a template without an end", read[str(broken)].get("error"))
        finds("equals signs that are crooked", read[str(crooked)]["formatted"] != crooked.read_text())
    for file in paths:
        got, text = read[str(file)], file.read_text()
        check(f"{file.name}: parser", got.get("error"))
        check(f"{file.name}: formatter", got.get("formatted") != text)
        check(f"{file.name}: provider", unknown(got["blocks"]))
        secrets = got["blocks"].get("variable", {})
        check(f"{file.name}: variables are sensitive", [n for n, v in secrets.items() if v[0].get("sensitive") is not True])
    gateway = read[str(FOLDER / "gateway.tf")]["blocks"]
    body = gateway["resource"]["azurerm_local_network_gateway"]["edge_1"][0]
    body["bgp_settings"][0]["as"] = 1
    finds("an unknown argument of a block", unknown(gateway))
    del body["bgp_settings"], body["location"]
    finds("a missing argument", unknown(gateway))


def hcl(paths):
    ran = subprocess.run(["node", HERE / "hcl.js", TOOLS, *paths], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def unknown(blocks):
    """What the provider does not know, or misses."""
    found = []
    for block, prefix in (("resource", ""), ("data", "data-")):
        for kind, labels in blocks.get(block, {}).items():
            name = prefix + kind.replace("_", "-") if prefix else kind.removeprefix("azurerm_").replace("_", "-")
            schema = (TOOLS / "node_modules/@cdktf/provider-azurerm/lib" / name / "index.d.ts").read_text()
            for label, bodies in labels.items():
                found += [p for body in bodies for p in arguments(schema, "Config extends", body, f"{kind}.{label}")]
    return found


def arguments(schema, interface, body, at):
    declared = re.search(rf"export interface \w*{interface}[^{{]*{{\n(.*?)^}}", schema, re.M | re.S).group(1)
    known = {snake(name): (optional, kind) for name, optional, kind in re.findall(r"readonly (\w+)(\??): ([\w.]+)", declared)}
    found = [f"{at}.{key}: unknown" for key in body if key not in known and key != "for_each"]
    found += [f"{at}.{key}: missing" for key, (optional, _) in known.items() if not optional and key not in body]
    for key, inner in body.items():
        if isinstance(inner, list) and inner and isinstance(inner[0], dict) and key in known:
            found += [p for one in inner for p in arguments(schema, known[key][1] + r"\b", one, f"{at}.{key}")]
    return found


def snake(name):
    return re.sub(r"[A-Z]", lambda c: "_" + c.group().lower(), name)


for part in (azure, powershell, bicep, arm, terraform):
    before = passed, failed
    part()
    print(f"{part.__name__}: {passed - before[0]} passed, {failed - before[1]} failed")
shutil.rmtree(os.environ["AZURE_CONFIG_DIR"], ignore_errors=True)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
