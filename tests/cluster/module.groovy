// The command of a module's script (or stub) as Groovy makes it: module.groovy MAIN.NF VALUES.json script|stub
import groovy.json.JsonOutput
import groovy.json.JsonSlurper

def values = new JsonSlurper().parse(new File(args[1]))
def text = new File(args[0]).text
def cut = text.indexOf('    stub:')
text = args[2] == 'script' ? text[0..<cut] + '}\n' : text[0..<text.indexOf('    script:')] + text[cut..-1]

class Inside {
    Map values
    List outputs = []
    def propertyMissing(String name) { values.containsKey(name) ? values[name] : name }
    def propertyMissing(String name, value) { values[name] = value }
    def methodMissing(String name, given) {
        if (name == 'path' && given[0] instanceof Map) { outputs << [given[0].emit, "${given[1]}".toString()] }
        if (name == 'tuple' && given[0] instanceof Map) { outputs << [given[0].emit, "${given[-1]}".toString()] }
        given[-1]
    }
}

abstract class Nextflow extends Script {
    def methodMissing(String name, given) { given[0] }
    def process(Closure body) {
        def inside = new Inside(values: binding.variables['values'])
        body.delegate = inside
        body.resolveStrategy = Closure.DELEGATE_FIRST
        def command = body().toString().stripIndent()
        println JsonOutput.toJson([command: command, outputs: inside.outputs])
    }
}

def configuration = new org.codehaus.groovy.control.CompilerConfiguration(scriptBaseClass: Nextflow.name)
new GroovyShell(this.class.classLoader, new Binding(values: values), configuration).evaluate(text)
